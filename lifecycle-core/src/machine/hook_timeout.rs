//! A hook's timeout: how much of it a hook is given, and what is done when it is over. First the hook is
//! cancelled; then its second step runs, where it has one; what does not go `ABORT_GRACE` after it was
//! cancelled is stuck.

use std::time::Duration;

use super::{Effect, Moment, Step, progress::Phase, teardown::Teardown, time::Time};
use crate::{
    Outcome,
    budget::{JOIN_ROOM, Shares, share},
};

/// How long a cancelled hook may take to go.
pub(crate) const ABORT_GRACE: Duration = Duration::from_millis(100);

impl Teardown {
    /// Does what is due.
    pub(super) fn enforce_timeouts(&mut self, time: Time, effects: &mut Vec<Effect>) {
        while let Some(hook) = self.timers.pop_due(time.at) {
            let planned = self.hooks[hook].clone();
            match self.progress[hook].phase {
                Phase::Running { .. } => {
                    self.set_phase(hook, Phase::Aborting { until: time.now.after(ABORT_GRACE) });
                    effects.push(Effect::Step(Step::Abort { hook: planned }));
                }
                Phase::Fallback { .. } => {
                    let until = time.now.after(ABORT_GRACE);
                    self.set_phase(hook, Phase::AbortingFallback { until });
                    effects.push(Effect::Step(Step::Abort { hook: planned }));
                }
                Phase::Aborting { .. } | Phase::AbortingFallback { .. } => {
                    let elapsed = self.progress[hook].took(time.now);
                    self.set_phase(hook, Phase::Stuck);
                    self.progress[hook].outcome = Some(Outcome::Stuck);
                    effects.push(Effect::Step(Step::Stuck { hook: planned, elapsed }));
                    self.release(hook);
                }
                Phase::Waiting | Phase::Stuck | Phase::Done => {}
            }
        }
    }

    /// The hook went as it was told to.
    pub(super) fn after_cancel(&mut self, hook: usize, time: Time, effects: &mut Vec<Effect>) {
        let planned = self.hooks[hook].clone();
        if planned.fallback_timeout().is_zero() {
            self.close(hook, Outcome::TimedOut, time.at, effects);
            return;
        }
        let tail = self.shares(time.now).tail_of_fallback(hook, &planned);
        let timeout = share(planned.fallback_timeout(), tail, self.left_for(tail, time.now));
        self.set_phase(hook, Phase::Fallback { until: time.now.after(timeout) });
        effects.push(Effect::Step(Step::Fallback { hook: planned, timeout }));
    }

    /// What the hook, which starts now, is given.
    pub(super) fn allot(&mut self, hook: usize, now: Moment) -> Duration {
        let tail = self.shares(now).tail(hook);
        let left = self.left_for(tail, now);
        let planned = self.hooks[hook].clone();
        self.shares(now).timeout(hook, &planned, left)
    }

    /// What is left for a chain that may take `tail`.
    fn left_for(&self, tail: Duration, now: Moment) -> Option<Duration> {
        // Cancelling the last hook and writing the report must fit before the deadline as well; but a plan that
        // was proved to fit has all of its time.
        self.deadline.map(|deadline| {
            let left = deadline.since(now);
            let room = JOIN_ROOM.min(left / 5);
            left - room.min(tail.saturating_sub(left))
        })
    }

    /// Found when the first hook starts.
    fn shares(&mut self, now: Moment) -> &Shares {
        let left = self.deadline.map(|deadline| deadline.since(now));
        self.shares.get_or_insert_with(|| Shares::new(&self.plan, left))
    }

    /// The only thing that changes a phase: the timers follow it.
    pub(super) fn set_phase(&mut self, hook: usize, phase: Phase) {
        if let Some(until) = self.progress[hook].phase.until() {
            self.timers.0.remove(&(until, hook));
        }
        self.timers.0.extend(phase.until().map(|until| (until, hook)));
        self.progress[hook].phase = phase;
    }
}
