//! The guard stands behind the driver: it ends the process at a moment that the machine has named
//! beforehand, where the driver is held and does not come to it.

use std::time::Duration;

use super::{driver::Driver, lifecycle::Lifecycle};
use crate::{budget, config::Settings, machine::Guard};

/// How much later than the driver the guard comes, at most: the driver names who holds the process.
const LATE: Duration = Duration::from_millis(100);

/// How long the report may take to write on the way out.
pub(super) const LAST_WRITE_TIMEOUT: Duration = Duration::from_millis(20);

/// How long a guard waits that stands behind an end which is under way.
pub(super) const LAST_WORDS_TIMEOUT: Duration = LATE;

/// How long after a request the guard comes, as it is known before there is one; `None`: never.
pub(super) fn after_a_request(settings: &Settings) -> Option<Duration> {
    let grace = settings.grace.value?;
    let margin = budget::margin(grace);
    Some(grace - margin + late(margin))
}

fn late(margin: Duration) -> Duration {
    LATE.min(margin / 2)
}

impl Driver {
    /// What the machine has named.
    pub(super) fn set_guard(&self, guard: Option<Guard>) {
        let lifecycle = self.lifecycle;
        let Some(Guard { due, code }) = guard else {
            return lifecycle.release_guard();
        };
        let late = self.machine.stop().map_or(LATE, |stop| match stop.budget.grace {
            Some(_) => late(stop.budget.margin),
            None => LATE,
        });
        let words = match self.machine.finished_at() {
            None => "the deadline has passed",
            Some(_) => "the report is final and the process did not end in time",
        };
        let words = format!(
            "lifecycle: {words}, and the library's own thread is held (in the loader, the allocator or the kernel): \
             exit {code} by the guard thread\n"
        );
        lifecycle.host.guard(Some((due.after(late), code)), words);
    }
}

impl Lifecycle {
    /// Nothing ends the process any more once the report is there: `run` returns to somebody who lives on.
    fn release_guard(&self) {
        self.lets_live.store(true, std::sync::atomic::Ordering::SeqCst);
        self.disarm_guard_if_over();
    }

    /// Called by whoever publishes the report, and by whoever may have armed the guard since.
    pub(super) fn disarm_guard_if_over(&self) {
        if self.lets_live.load(std::sync::atomic::Ordering::SeqCst) && self.report().is_some() {
            self.host.guard(None, String::new());
        }
    }
}
