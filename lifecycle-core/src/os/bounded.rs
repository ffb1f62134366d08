//! Work that may hang and that is not waited for beyond its time.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{RecvTimeoutError, sync_channel},
    time::Duration,
};

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Unbounded {
    /// The time is over; the work goes on, on its thread.
    Late,
    /// The work panicked.
    Panicked,
    /// No thread can be had; the work was dropped.
    NoThread(io::Error),
}

/// What `work` gives, if it does so in `timeout`; on a thread of the library's own with that name.
/// A thread that hangs in the kernel where no signal ends it, as at a frozen filesystem, keeps the
/// process from being gone: what may hang there is for [`super::write_stderr`] and
/// [`super::replace_file`].
pub(crate) fn bounded<T: Send + 'static>(
    name: &str,
    timeout: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unbounded> {
    let (done, result) = sync_channel(1);
    let thread = super::spawn(name, move || {
        // Not for its result: a panic is told by the channel that closes.
        let _ = catch_unwind(AssertUnwindSafe(|| done.send(work())));
    });
    thread.map_err(Unbounded::NoThread)?;
    result.recv_timeout(timeout).map_err(|error| match error {
        RecvTimeoutError::Timeout => Unbounded::Late,
        RecvTimeoutError::Disconnected => Unbounded::Panicked,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_result_comes_back_and_a_panic_is_told_from_being_late() {
        assert_eq!(bounded("test", Duration::from_secs(10), || 7).unwrap(), 7);
        let panicked = bounded("test", Duration::from_secs(10), || -> u8 { panic!("on purpose") });
        assert!(matches!(panicked, Err(Unbounded::Panicked)), "{panicked:?}");
    }

    #[test]
    fn what_hangs_is_not_waited_for() {
        let began = Instant::now();
        let late = bounded("test", Duration::from_millis(30), || {
            loop {
                std::thread::park();
            }
        });
        let late: Result<(), _> = late;
        assert!(matches!(late, Err(Unbounded::Late)), "{late:?}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
