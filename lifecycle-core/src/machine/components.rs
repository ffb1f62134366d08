//! The last part of a stop: components end once hooks and resources are gone, in a share of the
//! time that hooks do not get.

use std::time::Duration;

use super::{Effect, Machine, Moment, time::Time};
use crate::{
    Plan,
    budget::{Workload, share},
    plan::PlannedComponent,
};

/// What is kept of a time that is short, so that the report is out before the deadline.
const REPORT_ROOM: Duration = Duration::from_millis(100);

/// Where the components stand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Components {
    pub(super) stop: ComponentStop,
    /// Whether one of them did not stop as it should.
    pub(super) is_unclean: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ComponentStop {
    #[default]
    NotAsked,
    /// They were told to stop, and have until then.
    Until(Moment),
    Over,
}

impl Machine {
    /// What the components may take.
    pub(super) fn components_timeout(&self) -> Duration {
        PlannedComponent::longest(&self.settings.components).unwrap_or_default()
    }

    /// What hooks take, and components after them.
    pub(super) fn teardown_workload(&self) -> Workload {
        let components = PlannedComponent::longest(&self.settings.components);
        self.workload.followed_by(components.unwrap_or_default())
    }

    /// When the hooks of `plan` and the resources have to be gone, so that the components have
    /// their share. Unwritten timeouts give way to it, as `fits` proved it.
    pub(super) fn hooks_deadline(&self, now: Moment, plan: &Plan) -> Option<Moment> {
        let deadline = self.deadline_with_credit()?;
        let Some(components) = PlannedComponent::longest(&self.settings.components) else {
            return Some(deadline);
        };
        let tail = Workload::from(plan).least().saturating_add(components);
        Some(deadline.before(share(components, tail, Some(deadline.since(now)))))
    }

    /// What no hook took is gone, or is not waited for any more: the components go, or this is the
    /// end.
    pub(super) fn stop_components(&mut self, time: Time, effects: &mut Vec<Effect>) {
        let Some(timeout) = PlannedComponent::longest(&self.settings.components) else {
            return self.finish(time, effects);
        };
        match self.components.stop {
            ComponentStop::NotAsked => {}
            ComponentStop::Until(_) => return,
            ComponentStop::Over => return self.finish_after_resources(time, effects),
        }
        let until = time.now.after(timeout);
        let latest = self.deadline().map(|deadline| {
            let left = deadline.since(time.now);
            deadline.before(REPORT_ROOM.min(left / 5))
        });
        let until = latest.map_or(until, |latest| until.min(latest));
        self.components.stop = ComponentStop::Until(until);
        effects.push(Effect::StopComponents);
    }

    pub(super) fn components_stopped(
        &mut self,
        time: Time,
        is_clean: bool,
        effects: &mut Vec<Effect>,
    ) {
        if matches!(self.components.stop, ComponentStop::Until(_)) && self.finished.is_none() {
            self.components.is_unclean |= !is_clean;
            self.components.stop = ComponentStop::Over;
            self.finish_after_resources(time, effects);
        }
    }

    /// A destructor that hangs took no time from the components, and has until the deadline.
    fn finish_after_resources(&mut self, time: Time, effects: &mut Vec<Effect>) {
        if self.resources_dropped || self.deadline().is_none() {
            self.finish(time, effects);
        }
    }

    /// Those that take too long are not waited for.
    pub(super) fn enforce_component_timeout(&mut self, time: Time, effects: &mut Vec<Effect>) {
        if matches!(self.components.stop, ComponentStop::Until(until) if until <= time.at) {
            self.components_stopped(time, false, effects);
        }
    }
}

impl Components {
    pub(super) const fn next_wake(self) -> Option<Moment> {
        match self.stop {
            ComponentStop::NotAsked | ComponentStop::Over => None,
            ComponentStop::Until(until) => Some(until),
        }
    }
}
