//! Whether traffic may come: `ready`, `hold_ready`.

use crate::SourceLocation;
use crate::runtime::Lifecycle;

/// Says that main is ready: the service is `Running` from here unless readiness is held. Without it the
/// first `draining()`, `until_draining` or `pull` says so.
pub fn ready() {
    let lifecycle = Lifecycle::current();
    lifecycle.readiness.ask();
    lifecycle.check_ready();
}

/// Keeps the service from being ready until the hold is dropped: `hold_ready("migrations")`. Held after the
/// service became `Running`, it takes readiness away and leaves the state.
#[track_caller]
pub fn hold_ready(name: impl Into<String>) -> ReadyHold {
    let lifecycle = Lifecycle::current();
    ReadyHold { id: lifecycle.readiness.hold(&name.into(), SourceLocation::caller()) }
}

/// Readiness is held while this lives.
#[derive(Debug)]
#[must_use = "readiness is held only while this lives"]
pub struct ReadyHold {
    id: u64,
}

impl ReadyHold {
    /// Lets go; dropping it does the same.
    pub fn release(self) {}
}

impl Drop for ReadyHold {
    fn drop(&mut self) {
        let lifecycle = Lifecycle::current();
        lifecycle.readiness.release(self.id);
        lifecycle.check_ready();
    }
}
