//! A stop by SIGTERM in which main was told and everything takes as long as it may.

use std::{collections::HashMap, time::Duration};

use super::super::{
    super::{Effect, Moment, Step},
    Simulator, ms,
    simulator::{Does, Main},
};
use crate::{Config, Outcome, Plan, Signal, State, declare::HookId, plan::PlannedHook};

/// So long before its time is up ends what uses all of it.
pub(super) const NEARLY: Duration = Duration::from_nanos(1);
/// Until it is cancelled, and no longer.
pub(super) const HANGS: Does = Does::Hangs { goes: Duration::ZERO };

const REQUESTED: Duration = ms(1_000);

/// What became of a stop.
pub(super) struct Stop {
    simulator: Simulator,
    /// What each hook was given, and its second step.
    given: HashMap<HookId, Duration>,
    given_second: HashMap<HookId, Duration>,
}

impl Stop {
    /// Calls are in flight that end `calls` after the drain began, if they are let, and main returns with
    /// them; hooks, and their second steps, do what `does` and `does_second` say.
    pub(super) fn new(
        config: &Config,
        plan: &Plan,
        delay: Duration,
        calls: Duration,
        does: impl Fn(HookId) -> (Does, Does),
    ) -> Self {
        let mut simulator = Simulator::running(config, plan.clone());
        simulator.main = Main { returns: Some(calls), ..Main::SLOW };
        for hook in plan.hooks() {
            let (first, second) = does(hook.id());
            simulator.does.insert(hook.id(), first);
            simulator.does_second.insert(hook.id(), second);
        }
        simulator.signal_at(REQUESTED, Signal::Term);
        simulator.call_until(REQUESTED + delay + calls);
        simulator.run();
        let (mut given, mut given_second) = (HashMap::new(), HashMap::new());
        for (_, effect) in &simulator.trace {
            match effect {
                Effect::Step(Step::Start { hook, timeout }) => given.insert(hook.id(), *timeout),
                Effect::Step(Step::Fallback { hook, timeout }) => {
                    given_second.insert(hook.id(), *timeout)
                }
                _ => None,
            };
        }
        Self { simulator, given, given_second }
    }

    /// From the first start to the last end of hooks.
    pub(super) fn teardown(&self) -> Duration {
        self.simulator.finished().expect("it ends by itself") - self.began_teardown()
    }

    pub(super) fn delay(&self) -> Duration {
        self.simulator.entered(State::Draining).expect("it drains") - REQUESTED
    }

    pub(super) fn drain(&self) -> Duration {
        self.began_teardown() - self.simulator.entered(State::Draining).expect("it drains")
    }

    pub(super) fn abandons(&self) -> bool {
        self.simulator.machine.drain().is_none_or(|drain| drain.timed_out)
    }

    /// Whether it was over before the deadline.
    pub(super) fn is_in_time(&self) -> bool {
        let deadline =
            self.simulator.machine.stop().and_then(|stop| stop.deadline).map(Moment::reading);
        let ended = self.simulator.finished();
        self.simulator.breached().is_none()
            && ended.is_some_and(|ended| deadline.is_none_or(|deadline| ended < deadline))
    }

    /// Whether it was over before the deadline, or was ended by it.
    pub(super) fn is_over_by_the_deadline(&self) -> bool {
        let deadline =
            self.simulator.machine.stop().and_then(|stop| stop.deadline).map(Moment::reading);
        self.is_in_time() || self.simulator.breached().is_some_and(|at| Some(at) == deadline)
    }

    /// How much less than its time in `proved` the hook that lost most was given; all of it where it was
    /// not started. What nobody wrote may be more.
    pub(super) fn worst_cut(&self, proved: &Plan) -> Duration {
        let cut = |hook: &PlannedHook| {
            let given = self.given.get(&hook.id()).copied().unwrap_or_default();
            // The second step comes only where the first was cancelled.
            let second = self
                .given_second
                .get(&hook.id())
                .copied()
                .unwrap_or_else(|| hook.fallback_timeout());
            assert!(
                hook.timeout_open || given <= hook.timeout(),
                "{given:?} is more than was written"
            );
            hook.timeout().saturating_sub(given).max(hook.fallback_timeout() - second)
        };
        proved.hooks().iter().map(cut).max().unwrap_or_default()
    }

    pub(super) fn all_completed(&self) -> bool {
        let teardown = self.simulator.machine.teardown();
        teardown.is_some_and(|teardown| {
            teardown.progress().iter().all(|hook| hook.outcome() == Outcome::Completed)
        })
    }

    fn began_teardown(&self) -> Duration {
        self.simulator.entered(State::Stopping).unwrap_or(self.simulator.now)
    }
}
