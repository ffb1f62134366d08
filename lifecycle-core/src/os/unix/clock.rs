#![allow(unsafe_code, reason = "the clock that counts suspends has no safe face in std")]

use std::{
    mem::MaybeUninit,
    time::{Duration, Instant},
};

/// The time since boot, suspends included: a laptop or a virtual machine that sleeps does not
/// extend the grace period, as the platform's clock went on.
pub(crate) fn boot_time() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let mut now = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: the kernel fills `now` when it says 0.
        let now = unsafe {
            (libc::clock_gettime(libc::CLOCK_BOOTTIME, now.as_mut_ptr()) == 0)
                .then(|| now.assume_init())
        };
        if let Some(now) = now {
            return Duration::new(
                now.tv_sec.cast_unsigned(),
                u32::try_from(now.tv_nsec).unwrap_or(0),
            );
        }
    }
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

/// A clock that only goes on; for lengths of time.
pub(super) fn monotonic() -> Duration {
    let mut now = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: a valid place, and zeros are a time: the clock is one that every system has.
    let now = unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, now.as_mut_ptr());
        now.assume_init()
    };
    Duration::new(now.tv_sec.cast_unsigned() as _, u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Sleeps: `thread::sleep` without what it may do beside the system call.
pub(super) fn nap(length: Duration) {
    let length = libc::timespec {
        tv_sec: libc::time_t::try_from(length.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: length.subsec_nanos() as _,
    };
    // SAFETY: a valid time that is only read, and no place for the rest of it.
    unsafe {
        libc::nanosleep(&raw const length, std::ptr::null_mut());
    }
}
