//! The signal of the library as the one of the system calls.

#![allow(unsafe_code, reason = "a signal that has a number and no name")]

use rustix::process::Signal;

/// `None` for what is no signal of this system.
pub(crate) fn of_number(number: i32) -> Option<Signal> {
    Signal::from_named_raw(number).or_else(|| {
        lifecycle_core::Signal::from_number(number)?;
        // SAFETY: the library has checked that it is a signal of this system, which is a real-time
        // one that somebody may send: the C library keeps its own out of that range.
        Some(unsafe { Signal::from_raw_unchecked(number) })
    })
}
