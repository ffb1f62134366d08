use std::time::{Duration, Instant};

use crate::{Reason, SiteReport};

/// What a hook may ask for by `&ShutdownContext`: why the service stops and how long the hook has.
#[derive(Debug)]
pub struct ShutdownContext {
    pub(crate) reason: Reason,
    pub(crate) shutdown_id: String,
    pub(crate) deadline: Instant,
    pub(crate) stop_deadline: Option<Instant>,
    pub(crate) abandoned: Vec<SiteReport>,
}

impl ShutdownContext {
    /// Why the service stops.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The id of this shutdown, as in the log and the report.
    #[must_use]
    pub fn shutdown_id(&self) -> &str {
        &self.shutdown_id
    }

    /// When this hook is cancelled: its start plus its timeout, or its share of what is left where
    /// the time is short.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How long until [`deadline`](Self::deadline); zero once it has passed.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// When the whole stop has to be over; `None` without a grace period.
    #[must_use]
    pub const fn stop_deadline(&self) -> Option<Instant> {
        self.stop_deadline
    }

    /// The sites with calls that the drain could not finish. They may be running beside this hook.
    #[must_use]
    pub fn abandoned(&self) -> &[SiteReport] {
        &self.abandoned
    }

    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            reason: Reason::MainReturned,
            shutdown_id: "test".to_owned(),
            deadline: Instant::now(),
            stop_deadline: None,
            abandoned: Vec::new(),
        }
    }
}
