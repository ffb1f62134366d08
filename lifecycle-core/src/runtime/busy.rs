//! Says when work in flight begins and when none is left: by looking, so that calls pay nothing.

use std::{sync::Arc, time::Duration};

/// How often it is looked at whether something is in flight.
pub(crate) const BUSY_INTERVAL: Duration = Duration::from_millis(100);

/// A closure of `Config::on_busy`, and what it was told last.
pub(crate) struct BusyWatch {
    told: Arc<dyn Fn(bool) + Send + Sync>,
    busy: bool,
}

impl BusyWatch {
    pub(super) fn new(told: Arc<dyn Fn(bool) + Send + Sync>) -> Self {
        Self { told, busy: false }
    }

    /// Calls the closure where that is news.
    pub(crate) fn look(&mut self, busy: bool) {
        if self.busy != busy {
            self.busy = busy;
            (self.told)(busy);
        }
    }
}
