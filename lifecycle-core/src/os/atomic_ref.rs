//! A reference to something that lives for ever, or none, as an atomic.

#![expect(unsafe_code, reason = "a pointer becomes a reference again")]

use std::ptr;

use super::atomic::{AtomicPtr, Ordering};

/// An atomic `Option<&'static T>`.
///
/// Every load acquires what the store of the same reference released: what it points to may have
/// been made a moment before, by another thread.
pub(crate) struct AtomicRef<T: 'static>(AtomicPtr<T>);

impl<T: Sync> AtomicRef<T> {
    pub(crate) fn none() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline]
    pub(crate) fn load(&self) -> Option<&'static T> {
        Self::reference(self.0.load(Ordering::Acquire))
    }

    #[inline]
    pub(crate) fn store(&self, to: Option<&'static T>) {
        self.0.store(Self::pointer(to), Ordering::Release);
    }

    #[inline]
    pub(crate) fn swap(&self, to: Option<&'static T>) -> Option<&'static T> {
        Self::reference(self.0.swap(Self::pointer(to), Ordering::AcqRel))
    }

    /// Puts `to` in the place of `from`. Returns whether that was there.
    pub(crate) fn exchange(&self, from: Option<&'static T>, to: Option<&'static T>) -> bool {
        let (from, to) = (Self::pointer(from), Self::pointer(to));
        self.0.compare_exchange_weak(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    #[inline]
    fn pointer(reference: Option<&'static T>) -> *mut T {
        reference.map_or(ptr::null_mut(), |reference| ptr::from_ref(reference).cast_mut())
    }

    #[inline]
    fn reference(pointer: *mut T) -> Option<&'static T> {
        // SAFETY: nothing is ever stored but null and what was a `&'static T`, which is valid for
        // ever, and is never written through. `T: Sync`, so any thread may have it. The load that
        // `pointer` is from acquired what its store released, so what `T` was made of is seen.
        unsafe { pointer.as_ref() }
    }
}
