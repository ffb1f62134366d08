use std::sync::Arc;

use super::Gate;
use crate::SourceLocation;

/// Someone who waits for the drain: a living `draining()`, `drained()`, `until_draining` or `pull`.
#[derive(Debug)]
#[must_use = "it listens only while it lives"]
pub(crate) struct Listener {
    gate: Arc<Gate>,
    location: SourceLocation,
}

impl Listener {
    pub(super) const fn new(gate: Arc<Gate>, location: SourceLocation) -> Self {
        Self { gate, location }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.gate.unlisten(self.location);
    }
}

/// How many listen, by the place where they asked. Places stay known, so that a `pull` in a loop
/// allocates once.
#[derive(Debug, Default)]
pub(super) struct Listeners(Vec<(SourceLocation, usize)>);

impl Listeners {
    pub(super) fn add(&mut self, location: SourceLocation) {
        match self.0.iter_mut().find(|(place, _)| *place == location) {
            Some((_, count)) => *count += 1,
            None => self.0.push((location, 1)),
        }
    }

    pub(super) fn remove(&mut self, location: SourceLocation) {
        if let Some((_, count)) = self.0.iter_mut().find(|(place, _)| *place == location) {
            *count -= 1;
        }
    }

    pub(super) fn alive(&self) -> Vec<SourceLocation> {
        let mut places: Vec<_> =
            self.0.iter().filter(|(_, count)| *count > 0).map(|(place, _)| *place).collect();
        places.sort_unstable();
        places
    }
}
