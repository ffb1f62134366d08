//! The library's own deadline, and the end of a process that does not end.

use std::time::Duration;

use super::{
    super::{Effect, ExitWhy, Input, MainEnd},
    Simulator, ms,
    plans::{chain, hook, id, plan},
    simulator::{Does, Main},
};
use crate::{Config, Reason, Signal, State};

const GRACE: Duration = ms(30_000);
const DEADLINE: Duration = ms(28_000);

fn config() -> Config {
    Config::new().grace_period(GRACE)
}

#[test]
fn the_deadline_holds_before_run_is_reached() {
    let mut simulator = Simulator::before_run(chain(&[]));
    simulator.signal_at(ms(1_000), Signal::Term);
    simulator.run();
    // Before the configuration is known, it is that of an unknown platform: 30 s.
    assert_eq!(simulator.breached(), Some(ms(1_000) + DEADLINE));
    assert_eq!(simulator.machine.state(), State::Draining);
    assert_eq!(simulator.machine.exit_code(), 124);
}

/// Hooks end or are left behind in time; destructors cannot be.
#[test]
fn the_deadline_holds_while_destructors_run() {
    let mut simulator = Simulator::running(&config(), chain(&[ms(1_000)]));
    simulator.dropping_takes = None;
    simulator.signal_at(ms(1_000), Signal::Term);
    simulator.run();
    assert_eq!(simulator.breached(), Some(ms(1_000) + DEADLINE));
    assert_eq!(simulator.machine.state(), State::Stopping);
    assert_eq!(simulator.finished(), None);
    assert_eq!(simulator.machine.exit_code(), 124);
}

/// A hundred hooks in a row, each of which costs a tenth of a second to leave behind.
#[test]
fn the_deadline_holds_while_hooks_run() {
    let plan = chain(&vec![ms(5_000); 300]);
    let mut simulator = Simulator::running(&config(), plan.clone());
    for hook in plan.hooks() {
        simulator.does.insert(hook.id(), Does::Blocks(None));
    }
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(simulator.breached(), Some(DEADLINE));
    assert_eq!(simulator.machine.state(), State::Stopping);
}

/// Whoever drives the machine is late, whatever the state: the breach comes first.
#[test]
fn whoever_comes_late_is_told_of_the_deadline() {
    let slow = || {
        let config = config().shutdown_delay(ms(5_000));
        let mut simulator = Simulator::running(&config, chain(&[ms(5_000)]));
        simulator.main = Main::SLOW;
        simulator.in_flight = 1;
        simulator.does.insert(id(0), Does::Completes(ms(3_000)));
        simulator.signal(Signal::Term);
        simulator
    };
    for (state, until) in
        [(State::Delaying, 1_000), (State::Draining, 6_000), (State::Stopping, 24_000)]
    {
        for late in [0, 1, 5_000] {
            let mut simulator = slow();
            simulator.run_until(ms(until));
            assert_eq!(simulator.machine.state(), state);
            simulator.now = DEADLINE + ms(late);
            simulator.handle(Input::Tick);
            assert_eq!(simulator.breached(), Some(DEADLINE + ms(late)));
            assert_eq!(simulator.machine.state(), state);
        }
        let mut simulator = slow();
        simulator.run_until(ms(until));
        simulator.now = DEADLINE - ms(1);
        simulator.handle(Input::Tick);
        assert_eq!(simulator.breached(), None);
    }
}

#[test]
fn there_is_one_breach_and_none_after_the_report() {
    let mut simulator = Simulator::running(&config(), chain(&[ms(1_000)]));
    simulator.dropping_takes = None;
    simulator.signal(Signal::Term);
    simulator.run();
    simulator.now = DEADLINE + ms(1);
    simulator.handle(Input::Tick);
    assert_eq!(simulator.count(|effect| matches!(effect, Effect::Breach { .. })), 1);

    let mut simulator = Simulator::running(&config(), chain(&[ms(1_000)]));
    simulator.request("over");
    simulator.run();
    assert_eq!(simulator.finished(), Some(ms(0)));
    simulator.now = DEADLINE;
    simulator.handle(Input::Tick);
    assert_eq!((simulator.breached(), simulator.exited()), (None, None));
    assert_eq!(simulator.machine.exit_code(), 0);
}

#[test]
fn what_ends_at_the_deadline_does_not_end_in_time() {
    for (dropped, breached) in [(DEADLINE - ms(1), false), (DEADLINE + ms(1), true)] {
        let mut simulator = Simulator::running(&config(), chain(&[]));
        simulator.dropping_takes = Some(dropped);
        simulator.signal(Signal::Term);
        simulator.run();
        assert_eq!(simulator.breached().is_some(), breached);
        assert_eq!(simulator.finished().is_none(), breached);
    }
}

#[test]
fn without_a_grace_period_there_is_no_deadline() {
    let config = Config::new().grace_period(None).hook_timeout(ms(7_000));
    let mut simulator = Simulator::running(&config, plan(vec![hook(0, ms(3_600_000))]));
    simulator.does.insert(id(0), Does::Hangs { goes: ms(0) });
    simulator.dropping_takes = None;
    simulator.main = Main::PROMPT;
    simulator.call_until(ms(7_200_000));
    simulator.signal(Signal::Term);
    simulator.run_until(ms(10_807_000));
    assert_eq!(simulator.entered(State::Stopping), Some(ms(7_200_000)));
    assert_eq!(simulator.progress(id(0)).allotted, ms(3_600_000));
    // A destructor that hangs is waited for as long as for a hook.
    assert_eq!(simulator.finished(), Some(ms(10_807_000)));
}

/// The process is to be gone after a signal, and always under `#[lifecycle::main]`.
#[test]
fn the_exit_timeout_is_armed_where_the_process_has_to_end() {
    let signal = || Input::Signal { signal: Signal::Hup, sender: None, on_terminal: false };
    let request = || Input::Request("over".into());
    let failure = || Input::Request(Reason::failure("no"));
    let returned = || Input::MainEnded(MainEnd::Returned);
    for (input, armed_alone) in
        [(signal(), true), (request(), false), (failure(), false), (returned(), false)]
    {
        for under_main in [false, true] {
            // How long destructors take, the exit timeout, and when the process is ended.
            for (takes, exit_timeout, exit) in [
                (2_000, None, 7_000),
                (2_000, Some(100), 2_100),
                (2_000, Some(0), 2_000),
                (22_999, None, 27_999),
                (23_001, None, 28_000),
                (2_000, Some(90_000), 28_000),
            ] {
                let mut config = config();
                config.exit_timeout = exit_timeout.map(ms);
                let mut simulator = Simulator::before_run(chain(&[]));
                simulator.begin_run_under(&config, under_main);
                simulator.handle(Input::Ready);
                simulator.dropping_takes = Some(ms(takes));
                simulator.handle(input.clone());
                simulator.run_until(ms(takes));
                assert_eq!(simulator.finished(), Some(ms(takes)));
                let code = simulator.machine.exit_code();
                simulator.run();
                let expected = (armed_alone || under_main).then_some(ms(exit));
                let said = format!("{input:?} under main: {under_main}, {takes} {exit_timeout:?}");
                if exit_timeout != Some(0) {
                    let expected = expected.map(|at| (at, code));
                    assert_eq!(simulator.exited(), expected, "{said}");
                } else {
                    assert_eq!(simulator.exited().map(|(at, _)| at), expected, "{said}");
                }
                let leaked = |effect: &Effect| {
                    matches!(effect, Effect::Exit { why: ExitWhy::Leaked { .. }, .. })
                };
                assert_eq!(simulator.count(leaked), usize::from(expected.is_some()), "{said}");
                assert_eq!(simulator.breached(), None);
            }
        }
    }
}

#[test]
fn arming_later_counts_as_well() {
    let mut simulator = Simulator::before_run(chain(&[]));
    simulator.handle(Input::UnderMain);
    simulator.begin_run(&config());
    simulator.request("over");
    simulator.run();
    assert_eq!(simulator.exited().map(|(at, _)| at), Some(ms(5_000)));
}
