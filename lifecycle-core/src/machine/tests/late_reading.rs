//! A driver that was held up reads late. What was in time stays so, and what begins then has its whole time.

use super::{
    super::{Effect, End, Input, Moment, Step, Teardown, time::Time},
    Simulator, ms,
    plans::{chain, hook, id, plan},
    simulator::Does,
};
use crate::{Config, Outcome, Signal, State};

fn stopping(timeout: u64) -> Simulator {
    let mut simulator = Simulator::running(&Config::new(), chain(&[ms(timeout), ms(1_000)]));
    simulator.does.insert(id(0), Does::Blocks(None));
    simulator.signal(Signal::Term);
    simulator.run_until(ms(0));
    simulator
}

fn ended(hook: usize) -> Input {
    Input::HookEnded { hook: id(hook), end: End::Completed }
}

#[test]
fn a_hook_whose_end_was_posted_in_time_is_completed() {
    let mut simulator = stopping(1_000);
    simulator.read_late(ms(5_000), vec![(ms(1_000), ended(0))]);
    assert_eq!(simulator.progress(id(0)).outcome(), Outcome::Completed);
    let second = simulator.progress(id(1));
    assert_eq!(second.started.map(Moment::reading), Some(ms(5_000)), "it has its whole time");
}

#[test]
fn a_hook_whose_end_was_posted_after_its_time_is_late_and_not_stuck() {
    let mut simulator = stopping(1_000);
    simulator.read_late(ms(5_000), vec![(ms(1_700), ended(0))]);
    assert_eq!(simulator.progress(id(0)).outcome(), Outcome::Late);
    assert_eq!(simulator.count(|effect| matches!(effect, Effect::Step(Step::Stuck { .. }))), 0);
}

#[test]
fn a_hook_that_is_cancelled_late_has_the_whole_grace_to_go() {
    let mut simulator = stopping(1_000);
    simulator.read_late(ms(5_000), Vec::new());
    assert_eq!(simulator.next_wake(), Some(ms(5_100)));
    let cancelled = Input::HookEnded { hook: id(0), end: End::Dropped { began: true } };
    simulator.read_late(ms(5_400), vec![(ms(5_050), cancelled)]);
    assert_eq!(simulator.progress(id(0)).outcome(), Outcome::TimedOut);
}

#[test]
fn calls_that_ended_in_time_are_not_abandoned() {
    let config = Config::new().drain_timeout(ms(1_000));
    let mut simulator = Simulator::running(&config, chain(&[]));
    simulator.in_flight = 1;
    simulator.signal(Signal::Term);
    simulator.run_until(ms(0));
    simulator.in_flight = 0;
    simulator.read_late(ms(5_000), vec![(ms(900), Input::Tick)]);
    assert!(simulator.entered(State::Stopping).is_some());
    assert!(simulator.machine.drain().is_some_and(|drain| !drain.timed_out));
}

#[test]
fn the_deadline_is_kept_by_the_clock_whatever_waits_to_be_read() {
    let config = Config::new().grace_period(ms(3_000));
    let mut simulator = Simulator::running(&config, chain(&[ms(1_000)]));
    simulator.does.insert(id(0), Does::Blocks(None));
    simulator.signal(Signal::Term);
    simulator.run_until(ms(0));
    let waiting = (0..10).map(|n| (ms(100 + n), Input::Tick)).collect();
    simulator.read_late(ms(60_000), waiting);
    assert_eq!(simulator.breached(), Some(ms(60_000)));
    assert_eq!(simulator.count(|effect| matches!(effect, Effect::Breach { .. })), 1);
}

#[test]
fn hooks_that_become_free_at_once_start_in_batches() {
    let hooks = (0..200).map(|n| hook(n, ms(1_000))).collect();
    let mut teardown = Teardown::new(plan(hooks), None, true);
    let mut starts = Vec::new();
    for n in 0..5 {
        let now = Moment::new(ms(n));
        let mut effects = Vec::new();
        teardown.advance(Time { at: Moment::ZERO, now }, &mut effects);
        starts.push(effects.len());
        let is_all = starts.iter().sum::<usize>() == 200;
        assert_eq!(
            teardown.next_wake() == Some(Moment::ZERO),
            !is_all,
            "at once while there are more"
        );
    }
    assert_eq!(starts, [64, 64, 64, 8, 0]);
    let last = teardown.progress().iter().filter_map(|hook| hook.started).max();
    assert_eq!(last, Some(Moment::new(ms(3))), "each has its time from its own start");
}
