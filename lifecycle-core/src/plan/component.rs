//! The components that stop after the last hook, as the plan shows them.

use std::time::Duration;

use super::Plan;

/// A component, and how long its stop may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedComponent {
    name: String,
    stop_timeout: Duration,
}

impl PlannedComponent {
    pub(crate) const fn new(name: String, stop_timeout: Duration) -> Self {
        Self { name, stop_timeout }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long its stop may take.
    #[must_use]
    pub const fn stop_timeout(&self) -> Duration {
        self.stop_timeout
    }

    /// How long they take together; `None` where there are none.
    pub(crate) fn longest(components: &[Self]) -> Option<Duration> {
        components.iter().map(Self::stop_timeout).max()
    }
}

impl Plan {
    /// With these, which stop after the last hook.
    pub(crate) fn with_components(mut self, components: Vec<PlannedComponent>) -> Self {
        self.components = components;
        self
    }
}
