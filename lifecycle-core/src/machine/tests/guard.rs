//! Who stands behind the driver knows in time when to end the process, and with which code.

use std::time::Duration;

use super::{
    super::{Effect, End, Guard, Input, MainEnd, Moment},
    Simulator,
    components::Takes,
    ms,
    plans::{chain, id},
    simulator::{Does, Main},
};
use crate::{Config, Outcome, Reason, Signal};

const DEADLINE: Duration = ms(28_000);

fn config() -> Config {
    Config::new().grace_period(ms(30_000))
}

fn guards(simulator: &Simulator) -> Vec<Option<(Duration, u8)>> {
    let of = |effect: &Effect| match effect {
        Effect::Guard(guard) => Some(guard.map(|Guard { due, code }| (due.reading(), code))),
        _ => None,
    };
    simulator.trace.iter().filter_map(|(_, effect)| of(effect)).collect()
}

#[test]
fn the_guard_is_set_before_anything_else_is_done() {
    let mut simulator = Simulator::running(&config(), chain(&[ms(1_000)]));
    let effects =
        simulator.decide(Input::Signal { signal: Signal::Term, sender: None, on_terminal: false });
    let guard = Guard { due: Moment::new(DEADLINE), code: 124 };
    assert_eq!(effects.first(), Some(&Effect::Guard(Some(guard))));
}

#[test]
fn a_stop_is_guarded_to_its_deadline_and_then_to_the_end_of_the_process() {
    let mut simulator = Simulator::running(&config().exit_timeout(ms(3_000)), chain(&[ms(1_000)]));
    simulator.does.insert(id(0), Does::Fails(ms(500)));
    simulator.signal(Signal::Term);
    simulator.run_until(ms(600));
    let finished = simulator.finished().unwrap();
    assert_eq!(guards(&simulator), [Some((DEADLINE, 124)), Some((finished + ms(3_000), 70))]);
    simulator.run();
    assert_eq!(simulator.exited(), Some((finished + ms(3_000), 70)));
    assert_eq!(guards(&simulator).len(), 2, "it stands until the process is gone");
}

#[test]
fn nobody_is_guarded_who_lives_on_or_whom_nobody_kills() {
    let mut simulator = Simulator::running(&config(), chain(&[]));
    simulator.request("over");
    simulator.run();
    assert_eq!(guards(&simulator), [Some((DEADLINE, 124)), None]);

    let mut simulator = Simulator::running(&Config::new().grace_period(None), chain(&[]));
    simulator.request("over");
    simulator.run();
    assert_eq!(guards(&simulator), []);
}

#[test]
fn a_job_is_guarded_with_its_own_code() {
    let config = config().job(true);
    for (by_signal, code) in [(true, 143), (false, 75)] {
        let mut simulator = Simulator::running(&config, chain(&[]));
        simulator.main = Main::SLOW;
        if by_signal {
            simulator.signal(Signal::Term);
        } else {
            simulator.request("enough");
        }
        simulator.run_until(ms(0));
        assert_eq!(guards(&simulator), [Some((DEADLINE, code))]);
    }
}

#[test]
fn a_run_that_brings_other_numbers_moves_the_guard() {
    let mut simulator = Simulator::before_run(chain(&[]));
    simulator.signal(Signal::Term);
    simulator.begin_run(&Config::new().grace_period(ms(10_000)));
    assert_eq!(guards(&simulator)[..2], [Some((DEADLINE, 124)), Some((ms(9_000), 124))]);
}

/// A driver that was held across the deadline finds what would have ended the stop well.
#[test]
fn nothing_is_believed_that_is_read_after_the_deadline() {
    let late = |posted: Input| {
        let config = config().component(Takes(ms(1_000)));
        let mut simulator = Simulator::running(&config, chain(&[ms(1_000)]));
        simulator.does.insert(id(0), Does::Blocks(None));
        simulator.dropping_takes = None;
        simulator.components_take = None;
        simulator.signal(Signal::Term);
        simulator.run_until(ms(0));
        if !matches!(posted, Input::HookEnded { .. }) {
            simulator.handle(Input::HookEnded { hook: id(0), end: End::Completed });
        }
        if matches!(posted, Input::ComponentsStopped { .. }) {
            simulator.handle(Input::ResourcesDropped);
        }
        simulator.read_late(DEADLINE + ms(1), vec![(ms(500), posted)]);
        simulator
    };
    for posted in [
        Input::HookEnded { hook: id(0), end: End::Completed },
        Input::ResourcesDropped,
        Input::ComponentsStopped { is_clean: true },
        Input::MainEnded(MainEnd::Returned),
        Input::Signal { signal: Signal::Int, sender: None, on_terminal: true },
        Input::Request("again".into()),
        Input::Tick,
    ] {
        let simulator = late(posted.clone());
        assert_eq!(simulator.breached(), Some(DEADLINE + ms(1)), "{posted:?}");
        assert_eq!(simulator.finished(), None, "{posted:?}");
        assert_eq!(simulator.machine.exit_code(), 124, "{posted:?}");
    }
}

#[test]
fn a_failure_is_the_code_of_a_process_that_has_no_time_to_end() {
    for (end, reason, code) in [
        (MainEnd::Failed { error: "no".to_owned(), interrupted: false, code: 1 }, "main", 1),
        (MainEnd::Panicked("no".to_owned()), "panic", 1),
        (MainEnd::Returned, "hook", 70),
    ] {
        let config = config().exit_timeout(Duration::ZERO);
        let mut simulator = Simulator::starting(&config, chain(&[ms(1_000)]));
        simulator.begin_run_under(&config, true);
        if reason == "hook" {
            simulator.does.insert(id(0), Does::Fails(ms(1)));
        }
        simulator.handle(Input::MainEnded(end));
        simulator.run();
        assert_eq!(simulator.exited().map(|(_, code)| code), Some(code), "{reason}");
        assert_eq!(guards(&simulator).last(), Some(&Some((simulator.finished().unwrap(), code))));
    }
}

#[test]
fn a_hook_that_nobody_cancelled_is_not_timed_out() {
    for (began, words) in [(true, "half-way"), (false, "did not run")] {
        let mut simulator = Simulator::running(&config(), chain(&[ms(1_000)]));
        simulator.does.insert(id(0), Does::Blocks(None));
        simulator.signal(Signal::Term);
        simulator.run_until(ms(0));
        simulator.handle(Input::HookEnded { hook: id(0), end: End::Dropped { began } });
        simulator.run();
        let outcome = simulator.progress(id(0)).outcome();
        assert!(matches!(&outcome, Outcome::Failed(why) if why.contains(words)), "{outcome:?}");
        assert_eq!(simulator.machine.exit_code(), 70);
    }
}

#[test]
fn what_is_in_flight_when_the_run_is_dropped_is_abandoned() {
    let mut simulator = Simulator::running(&config(), chain(&[]));
    simulator.call_until(ms(60_000));
    simulator.handle(Input::RunDropped);
    assert_eq!(simulator.count(|effect| *effect == Effect::EndDrain), 1);
    assert_eq!(simulator.machine.exit_code(), 70);
    assert_eq!(simulator.machine.stop().map(|stop| &stop.reason), Some(&Reason::RunDropped));
}
