//! What the operating system does for us, behind one face: a waker that wakes the library's own
//! thread, signals that ring it, a clock that suspends cannot stop, lines on stderr that cannot
//! block, the end of the process. All `unsafe` code of the crate is in this folder.

mod armed;
#[cfg(test)]
mod armed_tests;
pub(crate) mod atomic;
pub(crate) mod atomic_ref;
pub(crate) mod barrier;
mod bounded;
pub(crate) mod coarse_clock;
#[cfg(unix)]
pub(crate) mod job_end;
pub(crate) mod last_resort;
mod surroundings;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub(crate) use self::bounded::{Unbounded, bounded};
pub use self::last_resort::{LastResort, LastResortError, LastResortFn};
pub(crate) use self::surroundings::{in_container, shell_between};
#[cfg(unix)]
pub use self::unix::inherited;
#[cfg(unix)]
pub(crate) use self::unix::{
    Waker, at_thread_end, boot_time, exit_now, fork, guard, is_forked_child, listen, listening,
    overwrite_file, replace_file, run_as_application, run_as_usual, run_first, spawn, thread_names,
    write_stderr,
};
#[cfg(windows)]
pub(crate) use self::windows::{
    Waker, at_thread_end, boot_time, exit_now, fork, guard, is_forked_child, listen, listening,
    overwrite_file, replace_file, run_as_application, run_as_usual, run_first, spawn, thread_names,
    write_stderr,
};

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Signal, SignalSender};

/// What woke the thread that waits at a waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// Somebody woke it.
    Woken,
    /// A signal came.
    Signal(Signal, Option<SignalSender>),
}

/// How a signal stands that the library was asked to listen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Ours is the handler that the system calls.
    Heard,
    /// Somebody put a handler of their own, or none, in our handler's place after us: the signal is
    /// heard only if that one calls ours.
    Replaced,
    /// The process came with it ignored, as `svc &` in a script does to SIGINT.
    Ignored,
    /// Nobody asked for it.
    NotListened,
}

/// One signal, for the line at the start and for warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listening {
    pub(crate) signal: Signal,
    pub(crate) disposition: Disposition,
    /// The thread that asks has it blocked: inherited, most likely. The library's thread hears it.
    pub(crate) is_blocked_here: bool,
}

/// Whether a person sees what is written to stderr.
pub(crate) fn stderr_is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}

/// Whether a Ctrl-C came from a person at a terminal, as far as can be known.
pub(crate) fn on_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdin()) || stderr_is_terminal()
}

static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// It is said how the process ends, and `_exit` follows.
pub(crate) fn announce_exit() {
    IS_ENDING.store(true, Ordering::Release);
}

/// Waits for the end that was announced, if one was: a main that returns in that moment would end
/// the process with another code than the one that was just said.
pub(crate) fn yield_to_exit() {
    while IS_ENDING.load(Ordering::Acquire) {
        std::thread::park();
    }
}
