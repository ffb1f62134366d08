//! How a call ends, and who says so.

use std::{
    cell::Cell,
    sync::atomic::{AtomicBool, AtomicU8, Ordering},
    thread,
};

thread_local! {
    static LOST: Cell<bool> = const { Cell::new(false) };
}

/// How a call ended. A call has exactly one ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Ending {
    /// Its code ran to the end.
    Finished,
    /// A panic went through it.
    Panicked,
    /// Its future was dropped before it had completed.
    Dropped,
    /// By `drain = cancel`; counted when it happened.
    Cancelled,
    /// It turned out to be none: `pull` found its source empty.
    Withdrawn,
    /// It was cut together with `main`, or by whoever held it.
    Lost,
}

/// Calls that end on this thread while `work` runs are lost, however they end: `work` drops `main`,
/// and what is part of it is cut, be it a future or a guard.
pub(crate) fn drop_as_lost<R>(work: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            // An error is the end of the thread's locals, and of what there was to restore.
            let _ = LOST.try_with(|lost| lost.set(self.0));
        }
    }
    let _restore = Restore(LOST.try_with(|lost| lost.replace(true)).unwrap_or(false));
    work()
}

/// Whether what ends here is lost: see [`drop_as_lost`].
pub(super) fn is_lost() -> bool {
    LOST.try_with(Cell::get).unwrap_or(false)
}

/// The ending of one call, as far as it is known. The last word stands, but for a cancellation.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Whoever holds the call writes it, who lets go last reads it. The count of the handles orders
    /// that after every holder, so no relaxed write can be missed; which of two holders that write
    /// at once has the last word does not matter.
    ending: AtomicU8,
    /// Whether the call began while its thread unwound: then its end while unwinding says nothing.
    began_unwinding: AtomicBool,
}

impl Verdict {
    pub(super) fn new() -> Self {
        Self {
            ending: AtomicU8::new(Ending::Finished as u8),
            began_unwinding: AtomicBool::new(false),
        }
    }

    /// Of a call that begins here.
    pub(super) fn reset(&self, ending: Ending) {
        self.ending.store(ending as u8, Ordering::Relaxed);
        self.began_unwinding.store(thread::panicking(), Ordering::Relaxed);
    }

    /// It began before, while nothing unwound.
    pub(super) fn began_calmly(&self) {
        self.began_unwinding.store(false, Ordering::Relaxed);
    }

    pub(super) fn say(&self, ending: Ending) {
        if self.ending.load(Ordering::Relaxed) != Ending::Cancelled as u8 {
            self.ending.store(ending as u8, Ordering::Relaxed);
        }
    }

    /// Says [`Ending::Cancelled`]. Returns whether that is news.
    pub(super) fn cancel(&self) -> bool {
        // Relaxed: the exchange itself rules out that two of them are news.
        let cancelled = Ending::Cancelled as u8;
        self.ending.swap(cancelled, Ordering::Relaxed) != cancelled
    }

    /// Whether a panic is going through the call.
    pub(super) fn is_unwinding(&self) -> bool {
        thread::panicking() && !self.began_unwinding.load(Ordering::Relaxed)
    }

    /// The last holder lets go.
    pub(super) fn last(&self) -> Ending {
        let said = self.ending.load(Ordering::Relaxed);
        let is = |ending: Ending| said == ending as u8;
        if is(Ending::Cancelled) {
            Ending::Cancelled
        } else if is(Ending::Withdrawn) {
            Ending::Withdrawn
        } else if is(Ending::Panicked) {
            Ending::Panicked
        } else if is_lost() || is(Ending::Lost) {
            Ending::Lost
        } else if is(Ending::Dropped) {
            Ending::Dropped
        } else if self.is_unwinding() {
            Ending::Panicked
        } else {
            Ending::Finished
        }
    }
}
