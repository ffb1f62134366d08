//! Whether the application's runtime runs tasks.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::runtime::Handle;

/// A task that only says that it ran.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    runtime: Handle,
    answered: Arc<AtomicBool>,
}

impl Heartbeat {
    /// Of this runtime; the first task is on its way.
    pub(crate) fn new(runtime: Handle) -> Self {
        let heartbeat = Self { runtime, answered: Arc::default() };
        heartbeat.send();
        heartbeat
    }

    /// Whether the last one has run; if so, the next is sent.
    pub(crate) fn beat(&self) -> bool {
        // Relaxed: nothing that the task wrote is read.
        let answered = self.answered.swap(false, Ordering::Relaxed);
        if answered {
            self.send();
        }
        answered
    }

    fn send(&self) {
        let answered = Arc::clone(&self.answered);
        self.runtime.spawn(async move { answered.store(true, Ordering::Relaxed) });
    }
}
