#![allow(unsafe_code, reason = "getpid without the cache of a library")]

/// From the system and not from a copy that a fork would leave wrong.
pub(super) fn own_pid() -> libc::pid_t {
    // SAFETY: `getpid` has no precondition.
    unsafe { libc::getpid() }
}
