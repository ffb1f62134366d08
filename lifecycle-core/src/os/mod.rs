//! What the operating system does for us, behind one face: a waker that wakes the library's own
//! thread, signals that ring it, a clock that suspends cannot stop, lines on stderr that cannot
//! block, the end of the process. All `unsafe` code of the crate is in this folder.

pub(crate) mod atomic;
pub(crate) mod atomic_ref;
pub(crate) mod barrier;
pub(crate) mod coarse_clock;
#[cfg(unix)]
pub(crate) mod job_end;
pub(crate) mod last_resort;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{Waker, boot_time, exit_now, listen, thread_names, write_stderr};
#[cfg(windows)]
pub(crate) use windows::{Waker, boot_time, exit_now, listen, thread_names, write_stderr};

pub use self::last_resort::{LastResort, LastResortError, LastResortFn};

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

/// Whether something like Docker confines this process.
pub(crate) fn in_container() -> bool {
    std::process::id() == 1
        || std::path::Path::new("/.dockerenv").exists()
        || std::path::Path::new("/run/.containerenv").exists()
}

/// The driver that is PID 1 and this process's parent: it swallows the signals that are meant for
/// us.
#[cfg(unix)]
pub(crate) fn shell_as_pid_1() -> Option<String> {
    const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "zsh", "busybox"];
    if std::os::unix::process::parent_id() != 1 {
        return None;
    }
    let name = std::fs::read_to_string("/proc/1/comm").ok()?;
    SHELLS.contains(&name.trim()).then(|| name.trim().to_owned())
}

/// There is no PID 1.
#[cfg(windows)]
pub(crate) fn shell_as_pid_1() -> Option<String> {
    None
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
