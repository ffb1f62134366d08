use std::time::Duration;

use super::teardown::Moment;
use crate::sys;

/// The clock of a lifecycle. It counts while the machine sleeps (`CLOCK_BOOTTIME` on Linux), as the
/// platform's grace period does, and no change of the wall clock moves it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Duration,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { began: sys::boot_time() }
    }

    pub(super) fn now(self) -> Moment {
        sys::boot_time().saturating_sub(self.began)
    }
}
