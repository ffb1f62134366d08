//! A clock that is cheap to read and late by up to a tick of the kernel (1 to 10 ms).

use std::time::Duration;

/// Since some moment before the process began; never goes back.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(unsafe_code, reason = "the standard library does not have this clock")]
pub(crate) fn coarse_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer. The clock exists since Linux 2.6.32, and
    // where it did not, the time would stay at zero.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Where there is no such clock, the usual one.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn coarse_time() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_and_is_late_by_a_tick_at_most() {
        let (before, start) = (coarse_time(), std::time::Instant::now());
        std::thread::sleep(Duration::from_millis(60));
        let (coarse, exact) = (coarse_time() - before, start.elapsed());
        let tick = Duration::from_millis(10);
        assert!(coarse >= exact.saturating_sub(tick * 2) && coarse <= exact + tick * 2);
    }
}
