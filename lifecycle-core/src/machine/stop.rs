//! A stop from its request on: its budget, and how much of it is left.

use std::time::Duration;

use super::{Effect, Machine, Run, drain::END_ROOM};
use crate::{
    Reason, Signal, State,
    budget::{ASSUMED_DRAIN, Budget},
    machine::Moment,
};

/// A stop under way.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) reason: Reason,
    pub(crate) at: Moment,
    pub(crate) budget: Budget,
    pub(crate) deadline: Option<Moment>,
    pub(crate) delay_until: Moment,
    /// Whether start-up had come to its end.
    pub(crate) was_running: bool,
}

impl Machine {
    pub(crate) const fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// What is left until the deadline of the stop that is under way.
    pub(crate) fn time_left(&self, now: Moment) -> Option<Duration> {
        self.stop.as_ref()?.deadline.map(|deadline| deadline.saturating_sub(now))
    }

    pub(crate) fn request(
        &mut self,
        now: Moment,
        reason: Reason,
        on_terminal: bool,
        effects: &mut Vec<Effect>,
    ) {
        if self.stop.is_some() || self.finished.is_some() {
            return;
        }
        let interactive =
            on_terminal && matches!(reason, Reason::Signal { signal: Signal::Int, .. });
        let alone = matches!(self.run, Run::Over(_));
        let no_delay = interactive
            || alone
            || reason.is_failure()
            || self.settings.job
            || self.state == State::Starting;
        let delay = if no_delay { Duration::ZERO } else { self.settings.delay.value };
        let limit = match reason {
            Reason::Signal { signal, .. } => signal.grace_limit(),
            _ => None,
        };
        let grace = [self.settings.grace.value, limit].into_iter().flatten().min();
        let budget = Budget::new(grace, delay, self.settings.drain_timeout.value, self.worst_case);
        let delay = budget.delay;
        self.not_ready_at = None;
        // A main that returned did not fail to start, ready or not.
        let was_running = self.state != State::Starting || reason == Reason::MainReturned;
        self.stop = Some(Stop {
            reason,
            at: now,
            deadline: budget.deadline.map(|deadline| now.saturating_add(deadline)),
            delay_until: now.saturating_add(delay),
            budget,
            was_running,
        });
        if delay.is_zero() {
            self.begin_drain(now, effects);
        } else {
            self.enter(State::Delaying, effects);
        }
    }

    pub(crate) fn is_past_deadline(&self, now: Moment) -> bool {
        self.stop.as_ref().and_then(|stop| stop.deadline).is_some_and(|deadline| deadline <= now)
    }
}

impl Stop {
    /// When a drain that begins now has to be over: what the delay did not use is the drain's.
    pub(crate) fn drain_until(
        &self,
        now: Moment,
        drain_timeout: Option<Duration>,
    ) -> Option<Moment> {
        let latest = self.deadline.map(|deadline| {
            let room = END_ROOM.min(deadline.saturating_sub(now) / 5);
            let latest = deadline.saturating_sub(self.budget.teardown.max(room));
            // What was proved is granted whole: the room is kept of what goes beyond it.
            let proven = now.saturating_add(drain_timeout.unwrap_or(ASSUMED_DRAIN));
            let fits = self.budget.delay_cut_from.is_none()
                && proven <= deadline.saturating_sub(self.budget.teardown);
            if fits { latest.max(proven) } else { latest }
        });
        let own = drain_timeout.map(|timeout| now.saturating_add(timeout));
        [latest, own].into_iter().flatten().min()
    }

    pub(crate) const fn was_running(&self) -> bool {
        self.was_running
    }
}
