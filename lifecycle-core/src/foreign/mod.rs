//! Code of the application that the library has to run: wakers, destructors, panics. None of it
//! runs on a thread that [keeps](keep_out) the deadline, and a panic of it is contained.

mod courier;
mod panic;
mod shielded;

pub(crate) use self::{
    courier::{culprits, is_kept_out, keep_out, keep_out_of, look, run},
    panic::{contain, panicked},
    shielded::{Shielded, Wakers},
};

/// A value of the application: where it is dropped on a thread that keeps the deadline, its
/// destructor runs elsewhere.
pub(crate) struct Foreign<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Foreign<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(crate) fn into_inner(mut self) -> Option<T> {
        self.0.take()
    }
}

impl<T: Send + 'static> Drop for Foreign<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            run("destructor", move || drop(value));
        }
    }
}
