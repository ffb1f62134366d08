#![allow(unsafe_code, reason = "_exit has no safe face in std")]

/// Ends the process at once: no destructor, no `atexit` handler, no flush, any of which may hang.
pub(crate) fn exit_now(code: u8) -> ! {
    let code = libc::c_int::from(code);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: `exit_group` has no precondition. By its number, as a library put before libc may
    // have an `_exit` of its own.
    unsafe {
        libc::syscall(libc::SYS_exit_group, code);
    }
    // SAFETY: `_exit` has no precondition.
    unsafe { libc::_exit(code) }
}
