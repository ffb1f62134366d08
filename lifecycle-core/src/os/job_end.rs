//! The end of a job by the signal that stopped it, so that a shell that runs it in a loop ends as
//! well.

#![expect(unsafe_code, reason = "raising a signal, and asking to be called at the exit")]

use std::sync::{
    Once,
    atomic::{AtomicI32, Ordering},
};

use crate::Signal;

/// The signal that ends the process at the end of its exit handlers; 0: none.
static ENDS_BY: AtomicI32 = AtomicI32::new(0);

/// How long the default action may take to end the process. As PID 1 it never does.
const RAISE_GRACE: std::time::Duration = std::time::Duration::from_millis(50);

/// From here on the process can be told to [`end_by`] a signal. The earlier this is called, the
/// later among the exit handlers it comes: they run in the opposite order.
pub(crate) fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        // SAFETY: `at_exit` has the type that is asked for, and may be called at any time.
        unsafe { libc::atexit(at_exit) };
    });
}

/// When the process exits, it does so by this signal, after everything else that an exit does; with
/// the code that it exits with where the signal does not end it.
pub(crate) fn end_by(signal: Signal) {
    ENDS_BY.store(signal.number(), Ordering::SeqCst);
}

extern "C" fn at_exit() {
    let signal = ENDS_BY.load(Ordering::SeqCst);
    if signal == 0 {
        return;
    }
    // SAFETY: `signal` is the number of a signal, the set is made by `sigemptyset` before it is
    // used, and all of these functions may be called on any thread. A handler that another library
    // had set is gone, which is what is wanted: this is the last thing that the process does.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        libc::raise(signal);
    }
    std::thread::sleep(RAISE_GRACE);
}
