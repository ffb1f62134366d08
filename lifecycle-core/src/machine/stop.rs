//! A stop from its request on: its budget, and how much of it is left.

use std::time::Duration;

use super::{Effect, Machine, Moment, Run, drain::END_ROOM, time::Time};
use crate::{Reason, Signal, State, budget::Budget};

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

    pub(super) fn request(&mut self, time: Time, reason: Reason, effects: &mut Vec<Effect>) {
        if self.stop.is_none() && self.finished.is_none() {
            self.begin_stop(time, reason, false, effects);
            self.enter_first_state(time, effects);
        }
    }

    /// There is no stop yet; from here there is.
    pub(super) fn begin_stop(
        &mut self,
        time: Time,
        reason: Reason,
        on_terminal: bool,
        effects: &mut Vec<Effect>,
    ) {
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
        let drain_timeout = self.settings.drain_timeout.value;
        let budget = Budget::new(grace, delay, drain_timeout, &self.teardown_workload());
        let deadline = budget.deadline.map(|deadline| time.at.after(deadline));
        self.not_ready_at = None;
        // A main that returned did not fail to start, ready or not.
        let was_running = self.state != State::Starting || reason == Reason::MainReturned;
        effects.push(Effect::Requested { reason: reason.clone(), at: time.at, deadline });
        self.stop = Some(Stop {
            reason,
            at: time.at,
            deadline,
            delay_until: time.at.after(budget.delay),
            budget,
            was_running,
        });
    }

    /// The delay, or the drain where there is none.
    pub(super) fn enter_first_state(&mut self, time: Time, effects: &mut Vec<Effect>) {
        if self.stop.as_ref().is_some_and(|stop| !stop.budget.delay.is_zero()) {
            self.enter(State::Delaying, effects);
        } else {
            self.begin_drain(time, effects);
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.stop.as_ref()?.deadline
    }

    /// How long after the request the deadline passed, if it has.
    pub(super) fn overrun(&self, now: Moment) -> Option<Duration> {
        let stop = self.stop.as_ref().filter(|stop| stop.deadline.is_some_and(|end| end <= now))?;
        stop.budget.deadline
    }
}

impl Stop {
    /// When a drain that begins now has to be over: what the delay did not use is the drain's.
    pub(crate) fn drain_until(
        &self,
        now: Moment,
        drain_timeout: Option<Duration>,
        needed: Duration,
    ) -> Option<Moment> {
        let latest = self.deadline.map(|deadline| {
            let room = END_ROOM.min(deadline.since(now) / 5);
            // Where all that the plan needs is reserved, the room is the drain's to give.
            let reserved = self.budget.teardown;
            let kept = if reserved >= needed { reserved.saturating_add(room) } else { reserved };
            let latest = deadline.before(kept.max(room));
            // What was proved is granted whole: the room is kept of what goes beyond it.
            let proven = now.after(drain_timeout.unwrap_or(self.budget.counted_drain));
            let fits = self.budget.delay_cut_from.is_none()
                && proven <= deadline.before(self.budget.teardown);
            if fits { latest.max(proven) } else { latest }
        });
        let own = drain_timeout.map(|timeout| now.after(timeout));
        [latest, own].into_iter().flatten().min()
    }
}
