//! What the plan shows beside its hooks: the components that stop after the last, and what the drain needs.

use std::time::Duration;

use super::Plan;
use crate::declare::DrainNeed;

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
    /// With what these need of the drain. Those that need no time are none.
    pub(crate) fn with_drain_needs(mut self, needs: impl IntoIterator<Item = DrainNeed>) -> Self {
        self.drain_needs = needs.into_iter().filter(|need| !need.time.is_zero()).collect();
        // Those of a program are found in the order of the linker.
        self.drain_needs.sort_by(|a, b| (&a.name, a.location).cmp(&(&b.name, b.location)));
        self
    }

    /// What needs the most of the drain.
    pub(crate) fn drain_need(&self) -> Option<&DrainNeed> {
        self.drain_needs.iter().max_by_key(|need| need.time)
    }

    /// With these, which stop after the last hook.
    pub(crate) fn with_components(mut self, components: Vec<PlannedComponent>) -> Self {
        self.components = components;
        self
    }

    pub(crate) fn components(&self) -> &[PlannedComponent] {
        &self.components
    }
}
