//! Whether the plan still fits once hooks and edges have come at run time: said when the service is ready,
//! and once after each burst of them.

use std::time::Duration;

use super::driver::{Driver, LatePlan};
use crate::{State, budget::Constraints, machine::Moment};

/// A burst is over when nothing came for so long.
const SETTLED_AFTER: Duration = Duration::from_millis(50);

impl Driver {
    /// The start-up line has looked at this version.
    pub(super) fn looked_at_plan(&mut self, version: u64) {
        self.late_plan.looked_at = version;
    }

    /// Looks at a plan that has changed, once it has settled; says when to ask again.
    pub(super) fn look_at_late_plan(&mut self, now: Moment) -> Option<Moment> {
        if self.state() != State::Running || self.machine.stop().is_some() {
            return None;
        }
        let version = self.lifecycle.registry.version();
        if version == self.late_plan.looked_at {
            return None;
        }
        match self.late_plan.waits {
            Some((of, until)) if of == version && now < until => return Some(until),
            Some((of, _)) if of == version => {}
            _ => {
                let until = now.after(SETTLED_AFTER);
                self.late_plan.waits = Some((version, until));
                return Some(until);
            }
        }
        self.late_plan = LatePlan { looked_at: version, waits: None };
        let plan = self.lifecycle.plan();
        if let Err(error) = plan.fits(Constraints::from(self.machine.settings())) {
            self.lifecycle.warn(&format!("since hooks or edges came at run time, {error}"));
        }
        None
    }
}
