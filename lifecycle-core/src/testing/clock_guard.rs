//! How long, in real time, the clock of a test stands still. tokio holds a paused clock while a blocking task
//! runs; one that never ends would hold it for ever, and with it the hook that waits for it.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// What waits longer is moved by hand.
pub(super) const REAL_TIME_LIMIT: Duration = Duration::from_secs(10);
/// So far at once, so that what is due in between is not late.
const STEP: Duration = Duration::from_millis(10);

/// Notices that nothing has happened for `REAL_TIME_LIMIT` of real time.
pub(super) struct ClockGuard {
    turns: mpsc::Sender<()>,
    over: Arc<Notify>,
    is_over: bool,
    /// When something last happened, on the clock of the test and in real time.
    at: (Instant, std::time::Instant),
}

impl ClockGuard {
    pub(super) fn new() -> Self {
        let (turns, happened) = mpsc::channel();
        let over = Arc::new(Notify::new());
        let notify = Arc::clone(&over);
        // Without a thread there is no end to timeout, as there is none in tokio.
        let _ = std::thread::Builder::new().name("lifecycle-timeout".to_owned()).spawn(move || {
            loop {
                match happened.recv_timeout(REAL_TIME_LIMIT) {
                    Ok(()) => {}
                    Err(mpsc::RecvTimeoutError::Timeout) => notify.notify_one(),
                    Err(mpsc::RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Self { turns, over, is_over: false, at: (Instant::now(), std::time::Instant::now()) }
    }

    /// Something happened.
    pub(super) fn renew(&mut self) {
        let _ = self.turns.send(());
        self.at = (Instant::now(), std::time::Instant::now());
    }

    /// Completes when `left` is over on the clock of the test, which from the first time on that timeout was
    /// over is moved by hand.
    pub(super) async fn wait(&mut self, left: Duration) {
        // A time that no clock can tell never comes.
        let due = Instant::now().checked_add(left);
        if !self.is_over && tokio::time::timeout(left, self.over.notified()).await.is_err() {
            return;
        }
        // A clock that runs has gone on meanwhile.
        let (at, really) = self.at;
        self.is_over |=
            really.elapsed() > REAL_TIME_LIMIT / 2 && at.elapsed() < REAL_TIME_LIMIT / 4;
        let rest = || due.map_or(STEP, |due| due.saturating_duration_since(Instant::now()));
        while self.is_over && !rest().is_zero() {
            // Threads that do come to their end are quicker than that.
            std::thread::sleep(STEP / 10);
            step(STEP.min(rest())).await;
        }
    }
}

async fn step(step: Duration) {
    tokio::time::advance(step).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_time_that_no_clock_can_tell_never_comes() {
        let mut timeout = ClockGuard::new();
        let waited =
            tokio::time::timeout(Duration::from_secs(3_600), timeout.wait(Duration::MAX)).await;
        assert!(waited.is_err());
    }
}
