//! Where a server stands, for its connections.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::kind::Sites;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Running,
    /// Answers say that their connection ends.
    Delaying,
    /// The drain has begun.
    Draining,
    /// What is idle goes.
    Closing,
}

#[derive(Debug)]
pub(super) struct Server {
    /// The same as the channel has, for who looks at each request.
    now: AtomicU8,
    changes: watch::Sender<Phase>,
    /// Nothing of this server lives on.
    pub(super) cut: CancellationToken,
    pub(super) sites: Sites,
}

impl Server {
    pub(super) fn new(cut: CancellationToken, sites: Sites) -> Self {
        Self {
            now: AtomicU8::new(Phase::Running as u8),
            changes: watch::Sender::new(Phase::Running),
            cut,
            sites,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.now.store(phase as u8, Relaxed);
        self.changes.send_replace(phase);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.now.load(Relaxed) >= Phase::Delaying as u8
    }

    pub(super) fn is_draining(&self) -> bool {
        self.now.load(Relaxed) >= Phase::Draining as u8
    }

    pub(super) fn phases(&self) -> watch::Receiver<Phase> {
        self.changes.subscribe()
    }
}
