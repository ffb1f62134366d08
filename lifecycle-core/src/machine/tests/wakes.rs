//! The machine sleeps while nothing is due. The simulator asserts in every test that a wake-up that
//! brought nothing about lies behind; here are the places where time was left behind once.

use super::{
    super::{Effect, Input, MainEnd},
    Simulator, ms,
    plans::{chain, no_hooks},
    simulator::{Does, Main},
};
use crate::{Config, Signal, State};

#[test]
fn a_ready_service_sleeps() {
    let mut simulator = Simulator::running(&Config::new(), no_hooks());
    simulator.run_until(ms(3_600_000));
    assert_eq!(simulator.next_wake(), None);
    assert_eq!(simulator.states(), [State::Running]);
}

#[test]
fn a_service_that_does_not_become_ready_is_named_once() {
    let mut simulator = Simulator::starting(&Config::new(), no_hooks());
    simulator.run_until(ms(3_600_000));
    assert_eq!(simulator.when(|effect| *effect == Effect::NotReadyYet), Some(ms(60_000)));
    assert_eq!(simulator.count(|effect| *effect == Effect::NotReadyYet), 1);
    assert_eq!(simulator.next_wake(), None);
}

#[test]
fn a_service_that_waits_for_its_run_says_so_every_second() {
    let mut simulator = Simulator::before_run(no_hooks());
    simulator.in_flight = 1;
    simulator.signal(Signal::Term);
    simulator.run_until(ms(10_500));
    assert_eq!(simulator.count(|effect| matches!(effect, Effect::Progress { .. })), 10);
}

#[test]
fn main_that_cannot_be_dropped_is_waited_for_once_the_drain_is_over() {
    let config = Config::new().grace_period(ms(30_000)).drain_timeout(ms(3_500));
    let mut simulator = Simulator::running(&config, no_hooks());
    simulator.main = Main { drop_takes: None, ..Main::SLOW };
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(simulator.when(|effect| *effect == Effect::DropMain), Some(ms(3_500)));
    assert_eq!(simulator.entered(State::Stopping), Some(ms(3_600)));
    assert_eq!(simulator.count(|effect| matches!(effect, Effect::Progress { .. })), 3);
}

/// Calls of a site that is never refused may begin after main was told to go.
#[test]
fn calls_that_begin_while_main_goes_are_waited_for() {
    let config = Config::new().grace_period(ms(30_000));
    let mut simulator = Simulator::running(&config, no_hooks());
    simulator.main = Main { drop_takes: Some(ms(1_000)), ..Main::DEAF };
    simulator.signal(Signal::Term);
    simulator.call_until(ms(4_321));
    simulator.run();
    assert_eq!(simulator.entered(State::Stopping), Some(ms(4_321)));
    assert!(simulator.machine.drain().is_some_and(|drain| !drain.timed_out));
}

#[test]
fn main_that_goes_late_is_heard() {
    let mut simulator =
        Simulator::running(&Config::new().grace_period(ms(30_000)), chain(&[ms(5_000)]));
    simulator.main = Main { drop_takes: Some(ms(2_000)), ..Main::DEAF };
    simulator.does.insert(super::plans::id(0), Does::Completes(ms(4_000)));
    simulator.signal(Signal::Term);
    simulator.run();
    // It held its thread for 2 s, and no hook started beside it.
    assert_eq!(simulator.finished(), Some(ms(6_000)));
    assert_eq!(simulator.machine.main_end(), Some(&MainEnd::Dropped));
}

/// Whatever numbers people write for "no limit".
#[test]
fn no_number_is_too_large() {
    let forever = std::time::Duration::MAX;
    let config = Config::new()
        .grace_period(forever)
        .shutdown_delay(forever)
        .drain_timeout(forever)
        .hook_timeout(forever)
        .exit_timeout(forever);
    let without_delay = config.clone().grace_period(None).shutdown_delay(ms(0));
    for (config, drained) in [(config, 3_000), (without_delay, 2_000)] {
        let mut simulator = Simulator::running(&config, chain(&[forever, ms(5)]));
        simulator.does.insert(super::plans::id(0), Does::Completes(ms(4_000)));
        simulator.at(ms(1_000), Input::Ready);
        simulator.signal_at(ms(2_000), Signal::Term);
        simulator.signal_at(ms(3_000), Signal::Int);
        simulator.run();
        assert_eq!(simulator.finished(), Some(ms(drained + 4_000)));
    }
}
