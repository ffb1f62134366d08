//! What main gets of the drain, and how it is said to have ended.

use super::{
    super::{Effect, Input, MainEnd},
    Simulator, ms,
    plans::{chain, no_hooks},
    simulator::Main,
};
use crate::{Config, Signal, State};

fn running(config: &Config) -> Simulator {
    Simulator::running(&config.clone().grace_period(ms(30_000)), chain(&[ms(1_000)]))
}

#[test]
fn a_main_that_holds_its_thread_has_the_drains_time_before_any_hook() {
    let mut simulator = running(&Config::new().drain_timeout(ms(3_000)));
    simulator.main = Main { drop_takes: None, ..Main::DEAF };
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(simulator.when(|effect| *effect == Effect::DropMain), Some(ms(0)));
    assert_eq!(simulator.entered(State::Stopping), Some(ms(3_000)));
    assert_eq!(simulator.machine.exit_code(), 70);
}

#[test]
fn a_second_interrupt_waits_no_longer_for_a_main_that_holds_its_thread() {
    let mut simulator = running(&Config::new());
    simulator.main = Main { drop_takes: None, ..Main::DEAF };
    simulator.signal(Signal::Int);
    simulator.signal_at(ms(1_000), Signal::Int);
    simulator.run();
    assert_eq!(simulator.entered(State::Stopping), Some(ms(1_100)));
    assert_eq!(simulator.machine.exit_code(), 70);
}

#[test]
fn a_main_that_listened_and_did_not_return_is_unclean_unless_its_timeout_is_written() {
    for (timeout, dropped, code) in [(None, ms(3_000), 70), (Some(ms(500)), ms(500), 0)] {
        let mut config = Config::new().drain_timeout(ms(3_000));
        config.main_timeout = timeout;
        let mut simulator = running(&config);
        simulator.main = Main::SLOW;
        simulator.signal(Signal::Term);
        simulator.run();
        assert_eq!(simulator.when(|effect| *effect == Effect::DropMain), Some(dropped));
        assert_eq!(simulator.machine.exit_code(), code, "{timeout:?}");
    }
}

#[test]
fn the_timeout_of_main_counts_from_the_last_call() {
    let mut simulator = running(&Config::new().main_timeout(ms(500)));
    simulator.main = Main::SLOW;
    simulator.call_until(ms(2_000));
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(simulator.when(|effect| *effect == Effect::DropMain), Some(ms(2_500)));
}

#[test]
fn it_is_said_once_that_main_alone_is_waited_for() {
    let mut simulator = running(&Config::new());
    simulator.main = Main { returns: Some(ms(5_000)), ..Main::SLOW };
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(simulator.when(|effect| *effect == Effect::WaitingForMain), Some(ms(1_000)));
    assert_eq!(simulator.count(|effect| *effect == Effect::WaitingForMain), 1);
    assert_eq!(simulator.machine.exit_code(), 0);
}

#[test]
fn the_drains_end_is_told_without_waiting_for_main() {
    for (calls, told) in [(None, ms(0)), (Some(ms(1_500)), ms(1_500)), (Some(ms(9_000)), ms(3_000))]
    {
        let mut simulator = running(&Config::new().drain_timeout(ms(3_000)));
        simulator.main = Main { returns: Some(ms(2_900)), ..Main::SLOW };
        if let Some(calls) = calls {
            simulator.call_until(calls);
        }
        simulator.signal(Signal::Term);
        simulator.run();
        assert_eq!(simulator.when(|effect| *effect == Effect::Drained), Some(told), "{calls:?}");
        assert_eq!(simulator.count(|effect| *effect == Effect::Drained), 1);
    }
}

#[test]
fn callers_of_what_the_drains_end_cancels_have_a_moment_before_main_is_dropped() {
    let mut simulator = running(&Config::new().drain_timeout(ms(3_000)));
    simulator.main = Main::SLOW;
    simulator.in_flight = 1;
    simulator.cancelling = 1;
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(simulator.when(|effect| *effect == Effect::EndDrain), Some(ms(3_000)));
    assert_eq!(simulator.when(|effect| *effect == Effect::GiveUpCancelling), Some(ms(3_100)));
    assert_eq!(simulator.when(|effect| *effect == Effect::DropMain), Some(ms(3_100)));
}

#[test]
fn a_job_that_has_seen_the_stop_and_returns_was_interrupted_unless_it_says_otherwise() {
    for (seen, completed, code) in
        [(false, false, 0), (true, false, 143), (true, true, 0), (false, true, 0)]
    {
        let mut simulator =
            Simulator::running(&Config::new().job(true).grace_period(ms(30_000)), no_hooks());
        simulator.main = Main { returns: None, ..Main::PROMPT };
        simulator.signal(Signal::Term);
        (simulator.stop_seen, simulator.completed) = (seen, completed);
        simulator.at(ms(500), Input::MainEnded(MainEnd::Returned));
        simulator.run();
        assert_eq!(simulator.machine.exit_code(), code, "{seen} {completed}");
    }
}

#[test]
fn the_code_that_main_chose_is_the_exit_code() {
    let mut simulator = running(&Config::new());
    let error = "it returned exit code 3".to_owned();
    let end = MainEnd::Failed { error, interrupted: false, code: 3 };
    simulator.at(ms(500), Input::MainEnded(end));
    simulator.run();
    assert_eq!(simulator.machine.exit_code(), 3);
}
