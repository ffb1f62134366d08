//! The signal of the library as the one of the system calls, and groups by descriptor.

#![allow(unsafe_code, reason = "a signal that has a number and no name, and a flag without either")]

#[cfg(target_os = "linux")]
use std::os::fd::{AsRawFd, OwnedFd};

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

/// What a descriptor of a process stands for.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Process,
    /// The process group that it leads, or led: this very one, whoever has the number now. An
    /// invalid argument before Linux 6.9.
    Group,
}

/// Sends `signal`; `None` only looks whether anybody is there.
#[cfg(target_os = "linux")]
pub(crate) fn send(fd: &OwnedFd, of: Of, signal: Option<Signal>) -> rustix::io::Result<()> {
    let flags: libc::c_uint = match of {
        Of::Process => 0,
        // PIDFD_SIGNAL_PROCESS_GROUP
        Of::Group => 4,
    };
    let number = signal.map_or(0, Signal::as_raw);
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: an open descriptor, and nothing that is pointed to.
    let sent =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), number, info, flags) };
    if sent == 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    Err(rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::INVAL))
}
