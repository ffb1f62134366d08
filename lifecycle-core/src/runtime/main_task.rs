//! What the driver and the task that polls main have to say to each other.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::watchdog::PollTimer;

#[derive(Default)]
pub(crate) struct MainTask {
    /// Whether the machine has heard of `run`, and of every signal before it.
    has_begun: watch::Sender<bool>,
    to_be_dropped: watch::Sender<bool>,
    /// Whether main has said that its work is complete.
    is_complete: AtomicBool,
    pub(super) poll_timer: PollTimer,
}

impl MainTask {
    pub(super) fn confirm_begin(&self) {
        self.has_begun.send_if_modified(|begun| !std::mem::replace(begun, true));
    }

    pub(crate) fn complete(&self) {
        self.is_complete.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::SeqCst)
    }

    /// Drops main: at once, or when it lets go of its thread.
    pub(crate) fn drop_it(&self) {
        self.to_be_dropped.send_replace(true);
    }

    pub(super) fn to_be_dropped(&self) -> watch::Receiver<bool> {
        self.to_be_dropped.subscribe()
    }

    /// Waits until the machine knows of `run` and of every signal that came before it.
    pub(super) async fn begin_is_confirmed(&self) {
        // The sender lives as long as the process.
        let _ = self.has_begun.subscribe().wait_for(|begun| *begun).await;
    }
}
