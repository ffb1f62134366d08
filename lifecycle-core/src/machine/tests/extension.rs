//! A stop that makes progress is given more time, and one that makes none is not.

use std::time::Duration;

use proptest::{collection::vec, prelude::ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::{
    super::Effect,
    Simulator, ms,
    plans::{chain, id},
    simulator::{Does, Main},
};
use crate::{Config, Signal, State};

const GRACE: Duration = ms(3_000);
/// Of 3 s.
const MARGIN: Duration = ms(300);

fn config(up_to: u64) -> Config {
    Config::new().grace_period(GRACE).extend_up_to(ms(up_to))
}

/// When the manager was told of what, and until when it waits then.
fn told(simulator: &Simulator) -> Vec<(Duration, Duration)> {
    let told = |(at, effect): &(Duration, Effect)| match effect {
        Effect::TellManager { until, time } => {
            assert_eq!(until.reading(), *at + *time, "it counts from the telling");
            Some((*at, until.reading()))
        }
        _ => None,
    };
    simulator.trace.iter().filter_map(told).collect()
}

/// A chain of hooks that may take 2 s and take `takes`, stopped at 0.
fn hooks(config: &Config, takes: &[u64]) -> Simulator {
    let mut simulator = Simulator::running(config, chain(&vec![ms(2_000); takes.len()]));
    for (n, takes) in takes.iter().enumerate() {
        simulator.does.insert(id(n), Does::Completes(ms(*takes)));
    }
    simulator.signal(Signal::Term);
    simulator
}

#[test]
fn a_clean_up_that_makes_progress_has_the_time_it_needs() {
    let mut simulator = hooks(&config(10_000), &[1_000; 6]);
    simulator.run();
    assert_eq!(simulator.finished(), Some(ms(6_000)));
    assert_eq!(simulator.machine.exit_code(), 0);
    let told = told(&simulator);
    // Once a second at most, and only when it was short of time.
    assert_eq!(told.first(), Some(&(ms(2_000), ms(4_050))), "{told:?}");
    assert!(told.windows(2).all(|two| two[1].0 - two[0].0 >= ms(1_000)), "{told:?}");
}

#[test]
fn one_that_makes_none_ends_at_its_deadline() {
    let mut simulator = hooks(&config(10_000), &[1_000, 60_000]);
    simulator.does.insert(id(1), Does::Blocks(None));
    simulator.run();
    // The first hook ended within a second of 1.95 s, when the stop was first short of time.
    let [(at, until)] = told(&simulator)[..] else { panic!("{:?}", simulator.trace) };
    assert_eq!(at, ms(2_000));
    let stuck =
        simulator.when(|effect| matches!(effect, Effect::Step(super::super::Step::Stuck { .. })));
    let end = simulator.breached().or_else(|| simulator.finished()).unwrap();
    assert!(end <= until - MARGIN, "{end:?}, {stuck:?}");
}

#[test]
fn a_hook_that_is_cancelled_is_no_progress() {
    let mut simulator = Simulator::running(&config(10_000), chain(&[ms(900); 6]));
    for n in 0..6 {
        simulator.does.insert(id(n), Does::Hangs { goes: ms(0) });
    }
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(told(&simulator), []);
    assert_eq!(simulator.breached(), Some(GRACE - MARGIN));
}

#[test]
fn a_drain_whose_calls_end_goes_on_and_leaves_the_hooks_what_it_owes() {
    let mut simulator = Simulator::running(&config(10_000), chain(&[ms(1_000)]));
    simulator.main = Main::SLOW;
    for n in 1..=10 {
        simulator.call_until(ms(500 * n));
    }
    simulator.does.insert(id(0), Does::Completes(ms(900)));
    simulator.signal(Signal::Term);
    simulator.run();
    let drained = simulator.entered(State::Stopping).unwrap();
    // The last call ended at 5 s; main is dropped when the drain's time is up.
    assert!(drained > ms(5_000) && drained < ms(8_000), "{drained:?}");
    assert_eq!(simulator.finished(), Some(drained + ms(900)));
    assert_eq!(simulator.breached(), None);
}

#[test]
fn a_drain_in_which_nothing_ends_is_not_extended() {
    let stop = |config: &Config| {
        let mut simulator = Simulator::running(config, chain(&[ms(1_000)]));
        simulator.main = Main::SLOW;
        simulator.call_until(ms(60_000));
        simulator.signal(Signal::Term);
        simulator.run();
        (simulator.entered(State::Stopping), simulator.finished())
    };
    assert_eq!(stop(&config(10_000)), stop(&Config::new().grace_period(GRACE)));
}

#[test]
fn a_drain_timeout_is_not_extended() {
    let config = config(10_000).drain_timeout(ms(1_500));
    let mut simulator = Simulator::running(&config, chain(&[ms(1_000)]));
    simulator.main = Main::SLOW;
    for n in 1..=40 {
        simulator.call_until(ms(250 * n));
    }
    simulator.signal(Signal::Term);
    simulator.run();
    let drained = simulator.entered(State::Stopping).unwrap();
    assert!(drained <= ms(1_700), "{drained:?}");
}

#[test]
fn nothing_is_extended_once_the_manager_could_not_be_told() {
    let mut simulator = hooks(&config(10_000), &[1_000; 6]);
    simulator.manager_hears = false;
    simulator.run();
    assert_eq!(told(&simulator).len(), 1);
    let end = simulator.breached().or_else(|| simulator.finished()).unwrap();
    assert!(end <= GRACE - MARGIN, "{end:?}");
}

#[test]
fn a_second_interrupt_ends_the_credit() {
    let mut simulator = hooks(&config(10_000), &[1_000; 6]);
    simulator.run_until(ms(3_500));
    let before = told(&simulator);
    simulator.signal(Signal::Int);
    simulator.run();
    assert_eq!(told(&simulator), before);
    let (_, until) = before.last().copied().unwrap();
    let end = simulator.breached().or_else(|| simulator.finished()).unwrap();
    assert!(end <= until - MARGIN, "{end:?} of {until:?}");
}

/// The machine sleeps, or the clock is set forward: the deadline has passed all the same.
#[test]
fn a_clock_that_jumps_beyond_the_deadline_is_not_made_up_for() {
    let mut simulator = hooks(&config(10_000), &[1_000; 6]);
    simulator.run_until(ms(1_000));
    simulator.now = ms(5_000);
    simulator.handle(super::super::Input::Tick);
    assert_eq!(simulator.breached(), Some(ms(5_000)));
    assert_eq!(told(&simulator), []);
}

#[test]
fn a_configuration_that_is_no_more_than_the_grace_period_extends_nothing() {
    let mut simulator = hooks(&config(3_000), &[400; 8]);
    simulator.run();
    assert_eq!(told(&simulator), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_ends_when_the_deadline_is_before_the_kill_that_was_told_of(
        grace in 400..20_000_u64,
        up_to in 400..60_000_u64,
        takes in vec(0..2_500_u64, 0..12),
        calls in vec(0..30_000_u64, 0..20),
        hears in proptest::bool::ANY,
        interrupt in proptest::option::of(600..20_000_u64),
    ) {
        let config = Config::new().grace_period(ms(grace)).extend_up_to(ms(up_to));
        let mut simulator = Simulator::running(&config, chain(&vec![ms(2_000); takes.len()]));
        simulator.main = Main::SLOW;
        simulator.manager_hears = hears;
        for (n, takes) in takes.iter().enumerate() {
            simulator.does.insert(id(n), Does::Completes(ms(*takes)));
        }
        for call in &calls {
            simulator.call_until(ms(*call));
        }
        if let Some(at) = interrupt {
            simulator.signal_at(ms(at), Signal::Int);
        }
        simulator.signal(Signal::Term);
        simulator.run();
        let told = told(&simulator);
        let mut kill = ms(grace);
        for (at, until) in &told {
            prop_assert!(*until > kill && *until <= ms(up_to).max(ms(grace)), "{told:?}");
            prop_assert!(interrupt.is_none_or(|interrupt| *at <= ms(interrupt)), "{told:?}");
            // Something ended within the last second.
            let ended = simulator.trace.iter().any(|(when, effect)| {
                let is_end = matches!(effect, Effect::Step(super::super::Step::Ended { .. }));
                is_end && when <= at && *at - *when <= ms(1_000)
            });
            let call = calls.iter().any(|call| ms(*call) <= *at && *at - ms(*call) <= ms(1_000));
            prop_assert!(ended || call, "{at:?}");
            if hears {
                kill = *until;
            }
        }
        prop_assert!(hears || told.len() <= 1);
        let margin = crate::budget::margin(ms(grace));
        let deadline = simulator.machine.deadline().unwrap().reading();
        prop_assert_eq!(deadline, kill - margin);
        let end = simulator.breached().or_else(|| simulator.finished()).unwrap();
        prop_assert!(end <= deadline, "{end:?} {deadline:?}");
    }
}
