//! What the caller says of a deployment, as no file does.

use std::time::Duration;

/// All of it may be absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides {
    /// Which container is the service.
    pub(super) container: Option<String>,
    /// What the preStop takes.
    pub(super) pre_stop: Option<Duration>,
    /// What the clients of Nomad grant at most.
    pub(super) max_kill_timeout: Option<Duration>,
}

impl Overrides {
    pub(super) fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }
}
