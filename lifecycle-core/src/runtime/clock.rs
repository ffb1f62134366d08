use std::time::Duration;

use tokio::time::Instant;

use crate::machine::Moment;
use crate::os;

/// The clock of a lifecycle.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// That of the process: it counts while the machine sleeps (`CLOCK_BOOTTIME` on Linux), as the
    /// platform's grace period does, and no change of the wall clock moves it.
    Boot { began: Duration },
    /// That of the runtime, which a test can pause.
    #[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "only a test is on it"))]
    Runtime { began: Instant },
}

impl Clock {
    pub(crate) fn of_process() -> Self {
        Self::Boot { began: os::boot_time() }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn of_runtime() -> Self {
        Self::Runtime { began: Instant::now() }
    }

    pub(crate) fn now(self) -> Moment {
        match self {
            Self::Boot { began } => os::boot_time().saturating_sub(began),
            Self::Runtime { began } => began.elapsed(),
        }
    }
}
