//! Random plans and random hooks: who starts when, who ends how.

use std::{collections::HashMap, time::Duration};

use proptest::{
    prelude::ProptestConfig, prop_assert, prop_assert_eq, proptest, test_runner::TestCaseError,
};

use super::{
    super::{ABORT_GRACE, Effect, Input, MainEnd, Moment, Step},
    Simulator, ms,
    plans::{Overrides, given, hook, id, no_hooks, plan, predecessors, taker_of},
    resources::{How, KINDS, Store, borrow, is_clone, take},
    simulator::{Does, Main},
};
use crate::{Config, Outcome, Signal, State, declare::HookId, plan::HookSpec};

/// What the trace tells of a hook.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) started: Option<(Duration, Duration)>,
    second_step: Option<(Duration, Duration)>,
    /// When its successors were let go.
    pub(super) over: Option<Duration>,
    stuck: bool,
    outcomes: Vec<Outcome>,
}

fn simulate(given: &Overrides, config: &Config) -> Simulator {
    let mut simulator = Simulator::running(config, given.plan());
    simulator.main = Main::PROMPT;
    simulator.store = Store::new(&given.supply);
    given.uses.iter().for_each(|uses| simulator.store.add_uses(*uses));
    for n in 0..given.specs.len() {
        simulator.does.insert(id(n), given.does[n]);
        simulator.does_second.insert(id(n), given.does_second[n]);
    }
    simulator.signal_at(ms(500), Signal::Term);
    simulator.run();
    simulator
}

pub(super) fn seen(simulator: &Simulator) -> HashMap<HookId, Seen> {
    let mut seen: HashMap<HookId, Seen> = HashMap::new();
    for (now, effect) in &simulator.trace {
        let Effect::Step(step) = effect else { continue };
        match step {
            Step::Start { hook, timeout } => {
                let hook = seen.entry(hook.id()).or_default();
                assert_eq!(hook.started, None, "a hook started twice");
                hook.started = Some((*now, *timeout));
            }
            Step::Fallback { hook, timeout } => {
                seen.entry(hook.id()).or_default().second_step = Some((*now, *timeout));
            }
            Step::Stuck { hook, .. } => {
                let hook = seen.entry(hook.id()).or_default();
                hook.stuck = true;
                hook.over = Some(*now);
            }
            Step::Ended { hook, outcome, .. } => {
                let hook = seen.entry(hook.id()).or_default();
                hook.over.get_or_insert(*now);
                hook.outcomes.push(outcome.clone());
            }
            Step::Abort { .. } => {}
        }
    }
    seen
}

/// How long a hook holds up its successors, from what it does and what it was given.
fn holds_up(does: Does, timeout: Duration) -> Duration {
    let latest = timeout + ABORT_GRACE;
    match does {
        Does::Completes(after) | Does::Fails(after) | Does::Panics(after) => after.min(timeout),
        Does::Hangs { goes } => (timeout + goes).min(latest),
        Does::Blocks(after) => after.unwrap_or(latest).min(latest),
    }
}

/// Whether a timeout cancels it, so that it goes.
fn is_cancelled(does: Does, timeout: Duration) -> bool {
    match does {
        Does::Completes(after) | Does::Fails(after) | Does::Panics(after) => after > timeout,
        Does::Hangs { goes } => goes < ABORT_GRACE,
        Does::Blocks(_) => false,
    }
}

fn expected_outcome(does: Does, timeout: Duration) -> Outcome {
    let late = timeout + ABORT_GRACE;
    match does {
        does if is_cancelled(does, timeout) => Outcome::TimedOut,
        Does::Completes(_) => Outcome::Completed,
        Does::Fails(_) => Outcome::Failed("no".to_owned()),
        Does::Panics(_) => Outcome::Panicked("boom".to_owned()),
        Does::Hangs { .. } => Outcome::Stuck,
        Does::Blocks(Some(after)) if after <= timeout => Outcome::Completed,
        Does::Blocks(Some(after)) if after < late => Outcome::Late,
        Does::Blocks(_) => Outcome::Stuck,
    }
}

/// Everything about the order and the ends of hooks, whatever time they had.
fn check_teardown(given: &Overrides, simulator: &Simulator) -> Result<(), TestCaseError> {
    let seen = seen(simulator);
    let plan = given.plan();
    let predecessors = predecessors(&plan);
    let number =
        |hook: HookId| given.specs.iter().position(|spec| spec.id == hook).unwrap_or_default();
    let began = simulator.entered(State::Stopping).expect("it stops");
    prop_assert_eq!(seen.len(), given.specs.len(), "every hook was started");
    for hook in plan.hooks() {
        let n = number(hook.id());
        let this = &seen[&hook.id()];
        let (started, timeout) = this.started.expect("it started");
        // The moment its last predecessor let it go, and no other: not before, and not in waves.
        let released = predecessors[&hook.id()].iter().filter_map(|before| seen[before].over).max();
        prop_assert_eq!(started, released.unwrap_or(began), "start of {}", hook.name());
        for before in &predecessors[&hook.id()] {
            prop_assert!(seen[before].over.is_some_and(|over| over <= started));
        }
        prop_assert!(timeout <= hook.timeout());

        let skipped = matches!(this.outcomes.first(), Some(Outcome::Skipped(_)));
        let does = given.does[n];
        let mut takes = if skipped { Duration::ZERO } else { holds_up(does, timeout) };
        let cancelled = !skipped && is_cancelled(does, timeout);
        prop_assert_eq!(
            this.second_step.is_some(),
            cancelled && !hook.fallback_timeout().is_zero()
        );
        if let Some((second, reserve)) = this.second_step {
            prop_assert_eq!(second, started + takes);
            prop_assert!(reserve <= hook.fallback_timeout());
            takes += holds_up(given.does_second[n], reserve);
        }
        prop_assert_eq!(this.over, Some(started + takes), "end of {}", hook.name());

        // One outcome; only a hook that was stuck says later that it ended after all.
        let outcome = simulator.progress(hook.id()).outcome();
        if this.stuck {
            prop_assert!(this.outcomes.is_empty() || this.outcomes == [Outcome::Late]);
            prop_assert!(matches!(outcome, Outcome::Stuck | Outcome::Late));
        } else {
            prop_assert_eq!(this.outcomes.as_slice(), std::slice::from_ref(&outcome));
        }
        if !skipped && this.second_step.is_none() && !this.stuck {
            prop_assert_eq!(outcome, expected_outcome(does, timeout));
        } else if this.second_step.is_some() && !this.stuck {
            prop_assert_eq!(outcome, Outcome::TimedOut);
        } else if this.stuck && this.second_step.is_none() {
            prop_assert_eq!(expected_outcome(does, timeout), Outcome::Stuck);
        }
    }
    Ok(())
}

/// Who takes what others use gets the value itself when they are done, else a clone where there is one,
/// else does not run and says why. The store asserts that nobody takes what is borrowed.
fn check_takers(given: &Overrides, simulator: &Simulator) -> Result<(), TestCaseError> {
    for kind in 0..KINDS {
        let Some(taker) = taker_of(&given.specs, kind) else { continue };
        let progress = simulator.progress(taker);
        let started = progress.started.expect("it started");
        let users = users(given, kind);
        // Whoever borrowed it, or has something that uses it, and had not gone when the taker started.
        let holds = |spec: &&HookSpec| {
            let gave = simulator.store.given.get(&spec.id).is_some_and(|given| {
                given.contains(&(kind, How::Borrowed))
                    || given.iter().any(|(kind, _)| users.contains(kind))
            });
            let ended = simulator.progress(spec.id).ended;
            gave && spec.id != taker && ended.is_none_or(|ended| ended > started)
        };
        let holders: Vec<&str> = given.specs.iter().filter(holds).map(|spec| &*spec.name).collect();
        let given = simulator
            .store
            .given
            .get(&taker)
            .and_then(|given| given.iter().find(|given| given.0 == kind));
        match (given, progress.outcome()) {
            (Some((_, how)), _) if holders.is_empty() => prop_assert_eq!(*how, How::Took),
            (Some((_, how)), _) => {
                prop_assert!(is_clone(kind));
                prop_assert_eq!(*how, How::Cloned);
            }
            (None, Outcome::Skipped(why)) => {
                let held = why.contains("still borrowed by");
                prop_assert!(held || why.contains("was never provided"), "{}", why);
                if held && why.contains(&format!("R<{kind}>")) {
                    prop_assert!(!is_clone(kind));
                    prop_assert!(holders.iter().any(|holder| why.contains(holder)), "{}", why);
                }
            }
            (None, outcome) => {
                return Err(TestCaseError::fail(format!("{outcome:?} without R{kind}")));
            }
        }
    }
    Ok(())
}

/// The kinds that use `kind`, at any depth.
fn users(given: &Overrides, kind: usize) -> Vec<usize> {
    let mut found = vec![kind];
    let mut at = 0;
    while let Some(&used) = found.get(at) {
        at += 1;
        let direct = |user: &usize| {
            given.uses.iter().any(|uses| uses.of == take(*user).id && uses.used == take(used).id)
        };
        found.extend(
            (0..KINDS).filter(direct).filter(|user| !found.contains(user)).collect::<Vec<_>>(),
        );
    }
    found.split_off(1)
}

/// The longest chain of what hooks really took, by trying every way.
fn critical_path(simulator: &Simulator, given: &Overrides) -> Duration {
    fn end(
        hook: HookId,
        before: &HashMap<HookId, Vec<HookId>>,
        took: &HashMap<HookId, Duration>,
        known: &mut HashMap<HookId, Duration>,
    ) -> Duration {
        if let Some(known) = known.get(&hook) {
            return *known;
        }
        let start = before[&hook].iter().map(|hook| end(*hook, before, took, known)).max();
        let end = start.unwrap_or_default() + took[&hook];
        known.insert(hook, end);
        end
    }
    let took: HashMap<HookId, Duration> = seen(simulator)
        .into_iter()
        .map(|(hook, seen)| {
            let started = seen.started.map_or(Duration::ZERO, |(started, _)| started);
            (hook, seen.over.map_or(Duration::ZERO, |over| over - started))
        })
        .collect();
    let before = predecessors(&given.plan());
    let mut known = HashMap::new();
    before.keys().map(|hook| end(*hook, &before, &took, &mut known)).max().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_hook_runs_in_its_place(given in given(60)) {
        let simulator = simulate(&given, &Config::new().grace_period(None));
        check_teardown(&given, &simulator)?;
        check_takers(&given, &simulator)?;
        let began = simulator.entered(State::Stopping).expect("it stops");
        let dropped = simulator.when(|effect| *effect == Effect::DropResources).expect("it ends");
        prop_assert_eq!(dropped - began, critical_path(&simulator, &given));
        for hook in given.plan().hooks() {
            let started = simulator.progress(hook.id()).allotted;
            prop_assert_eq!(started, hook.timeout(), "time was not short");
        }
        prop_assert_eq!(simulator.finished(), Some(dropped));
        prop_assert_eq!(simulator.states(), [State::Running, State::Draining, State::Stopping, State::Stopped]);
    }

    /// The same where time is short; what is cut off by the deadline is not looked at.
    #[test]
    fn every_hook_runs_in_its_place_where_time_is_short(given in given(60), grace in 300..20_000_u64) {
        let simulator = simulate(&given, &Config::new().grace_period(ms(grace)));
        if simulator.breached().is_none() {
            check_teardown(&given, &simulator)?;
            check_takers(&given, &simulator)?;
        }
    }
}

#[test]
fn hooks_without_an_edge_overlap() {
    let mut simulator =
        Simulator::running(&Config::new(), plan((0..60).map(|n| hook(n, ms(1_000))).collect()));
    for n in 0..60 {
        simulator.does.insert(id(n), Does::Completes(ms(900)));
    }
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(simulator.finished(), Some(ms(900)));
}

/// What is told must come in order although the answer to one effect brings the next state about.
#[test]
fn main_that_returns_with_nothing_in_flight_goes_through_every_state() {
    let mut simulator = Simulator::running(&Config::new(), no_hooks());
    simulator.handle(Input::MainEnded(MainEnd::Returned));
    simulator.run();
    let states = [State::Running, State::Draining, State::Stopping, State::Stopped];
    assert_eq!(simulator.states(), states);
    assert_eq!(simulator.machine.exit_code(), 0);
}

#[test]
fn a_second_step_that_hangs_is_cancelled_too() {
    let mut first = hook(0, ms(1_000));
    first.fallback_timeout = ms(500);
    let mut second = hook(1, ms(1_000));
    second.after = vec![id(0)];
    let mut simulator = Simulator::running(&Config::new(), plan(vec![first, second]));
    simulator.does.insert(id(0), Does::Hangs { goes: ms(0) });
    simulator.does_second.insert(id(0), Does::Hangs { goes: ms(20) });
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(simulator.progress(id(0)).outcome(), Outcome::TimedOut);
    assert_eq!(simulator.progress(id(1)).started.map(Moment::reading), Some(ms(1_520)));
    assert_eq!(simulator.count(|effect| matches!(effect, Effect::Step(Step::Abort { .. }))), 2);
}

/// A stuck reader keeps what it reads: who takes it gets a clone, or does not run.
#[test]
fn who_takes_what_a_stuck_hook_borrows_gets_no_original() {
    for (kind, given) in [(0, Some((0, How::Cloned))), (1, None)] {
        let mut reader = hook(0, ms(1_000));
        reader.needs = vec![borrow(kind)];
        let mut taker = hook(1, ms(1_000));
        taker.needs = vec![take(kind)];
        let mut simulator = Simulator::running(&Config::new(), plan(vec![reader, taker]));
        simulator.does.insert(id(0), Does::Blocks(None));
        simulator.signal(Signal::Term);
        simulator.run();
        assert_eq!(simulator.progress(id(1)).started.map(Moment::reading), Some(ms(1_100)));
        let taken = simulator.store.given.get(&id(1)).and_then(|given| given.first().copied());
        assert_eq!(taken, given);
        if given.is_none() {
            let outcome = simulator.progress(id(1)).outcome();
            assert!(
                matches!(&outcome, Outcome::Skipped(why) if why.contains("still borrowed by hook0")),
                "{outcome:?}"
            );
        }
    }
}
