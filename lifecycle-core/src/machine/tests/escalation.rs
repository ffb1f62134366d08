//! What a signal means, by when it comes and what came before it.

use std::time::Duration;

use super::{
    super::{Effect, ExitWhy, Input, MainEnd},
    Simulator, ms,
    plans::{chain, id},
    simulator::{Does, Main},
};
use crate::values::SignalAction::{self, Exits, Merged, Repeated, SkipsDrain, Stops};
use crate::{Config, Platform, Reason, Signal, State};
use Signal::{Hup, Int, Quit, Term};

const SIGNALS: [Signal; 4] = [Hup, Int, Quit, Term];

/// A stop that takes its time everywhere: it delays until 5 s after the request, drains until 8 s, and
/// its one hook runs until 12 s.
fn slow(config: Config) -> Simulator {
    let config = config.platform(Platform::Kubernetes).drain_timeout(ms(3_000));
    let mut simulator = Simulator::running(&config, chain(&[ms(5_000)]));
    simulator.main = Main::SLOW;
    simulator.in_flight = 1;
    simulator.does.insert(id(0), Does::Completes(ms(4_000)));
    simulator
}

/// What each signal meant.
fn meanings(simulator: &Simulator) -> Vec<SignalAction> {
    let action = |(_, effect): &(Duration, Effect)| match effect {
        Effect::SignalReceived { action, .. } => Some(*action),
        _ => None,
    };
    simulator.trace.iter().filter_map(action).collect()
}

fn code(signal: Signal) -> u8 {
    128 + u8::try_from(signal.number()).unwrap()
}

#[test]
fn the_first_signal_stops_whatever_it_is_and_whatever_the_state() {
    for signal in SIGNALS {
        let mut running = slow(Config::new());
        running.signal(signal);
        assert_eq!(meanings(&running), [Stops]);
        assert_eq!(running.machine.state(), State::Delaying);

        let mut starting =
            Simulator::starting(&Config::new().platform(Platform::Kubernetes), chain(&[]));
        starting.signal(signal);
        assert_eq!(starting.machine.state(), State::Draining, "no balancer knows of it yet");

        let mut before_run = Simulator::before_run(chain(&[ms(1_000)]));
        before_run.signal(signal);
        assert_eq!(meanings(&before_run), [Stops]);
        before_run.run_until(ms(7_000));
        assert_eq!(before_run.machine.state(), State::Draining, "hooks need the runtime of run");
        before_run.begin_run(&Config::new());
        before_run.run();
        assert_eq!(before_run.finished(), Some(ms(7_000)));
        assert_eq!(before_run.machine.main_end(), Some(&MainEnd::NotRun));
        assert_eq!(before_run.machine.stop().map(|stop| stop.at.reading()), Some(ms(0)));
    }
}

/// All threes of signals, at moments that lie in each state and on both sides of, and on, each of the
/// changes of state.
#[test]
fn climbing_does_not_depend_on_the_state() {
    let changes = [0, 5_000, 8_000, 12_000];
    let around =
        changes.into_iter().skip(1).flat_map(|change: u64| [change - 1, change, change + 1]);
    let moments: Vec<u64> = around.chain([600, 2_500, 6_500, 9_900]).collect();
    for escalate in [false, true] {
        let escalates = |signal| signal == Int || escalate && signal == Term;
        for &second_at in &moments {
            for second in SIGNALS {
                let mut simulator = slow(Config::new().escalate_on_term(escalate));
                simulator.signal_at(ms(0), Term);
                simulator.signal_at(ms(second_at), second);
                simulator.run_until(ms(second_at));
                // At the very end the signal was there first.
                let expected = match () {
                    () if second_at > 12_000 => Exits,
                    () if escalates(second) => SkipsDrain,
                    () => Repeated,
                };
                assert_eq!(meanings(&simulator), [Stops, expected], "{second} at {second_at}");
                if expected == Exits {
                    assert_eq!(simulator.exited(), Some((ms(second_at), code(second))));
                } else if expected == SkipsDrain {
                    third(simulator, second_at, escalates);
                }
            }
        }
    }
}

/// After a signal that hurried: one more exits at once, unless it is the same or a repetition.
fn third(mut simulator: Simulator, second_at: u64, escalates: impl Fn(Signal) -> bool) {
    simulator.signal_at(ms(second_at + 499), Int);
    simulator.run_until(ms(second_at + 499));
    assert_eq!(meanings(&simulator).last(), Some(&Merged));
    for signal in [Hup, Quit, Term].into_iter().filter(|signal| !escalates(*signal)) {
        if simulator.finished().is_none() {
            simulator.signal_at(ms(second_at + 500), signal);
            simulator.run_until(ms(second_at + 500));
            if simulator.exited().is_none() {
                assert_eq!(meanings(&simulator).last(), Some(&Repeated));
            }
        }
    }
    if simulator.exited().is_none() {
        simulator.signal_at(ms(second_at + 501), Int);
        simulator.run_until(ms(second_at + 501));
        assert_eq!(meanings(&simulator).last(), Some(&Exits));
        assert_eq!(simulator.exited(), Some((ms(second_at + 501), 130)));
    }
}

#[test]
fn hurrying_ends_the_delay_and_the_drain_and_hooks_still_run() {
    for at in [600, 4_999, 5_000, 5_001, 7_999] {
        let mut simulator = slow(Config::new());
        simulator.signal(Term);
        simulator.signal_at(ms(at), Int);
        simulator.run();
        // In the delay main hears of the drain and of its end at once: it has a moment to return.
        let goes = if at <= 5_000 { at + 100 } else { at };
        assert_eq!(simulator.entered(State::Stopping), Some(ms(goes)), "calls are left");
        assert_eq!(simulator.finished(), Some(ms(goes + 4_000)));
        assert!(simulator.machine.drain().is_some_and(|drain| drain.timed_out));
    }
}

#[test]
fn repeats_are_one_with_the_last_that_counted() {
    // Each signal with its moment, and what it means.
    for script in [
        // Within 500 ms of the first, whatever they are.
        vec![(Term, 0, Stops), (Int, 1, Merged), (Int, 499, Merged), (Int, 500, SkipsDrain)],
        vec![(Term, 0, Stops), (Term, 0, Merged), (Hup, 499, Merged), (Term, 500, Repeated)],
        // What was merged or changed nothing does not count: the window does not move.
        vec![
            (Int, 0, Stops),
            (Int, 400, Merged),
            (Int, 600, SkipsDrain),
            (Int, 1_099, Merged),
            (Int, 1_100, Exits),
        ],
        vec![
            (Term, 0, Stops),
            (Term, 1_000, Repeated),
            (Int, 1_001, SkipsDrain),
            (Int, 1_501, Exits),
        ],
        // A manager that sends TERM every second never escalates.
        (0..9).map(|n| (Term, 1_000 * n, if n == 0 { Stops } else { Repeated })).collect(),
        vec![
            (Hup, 0, Stops),
            (Hup, 900, Repeated),
            (Quit, 901, Repeated),
            (Int, 902, SkipsDrain),
            (Int, 1_402, Exits),
        ],
    ] {
        let mut simulator = slow(Config::new());
        for (signal, at, _) in &script {
            simulator.signal_at(ms(*at), *signal);
        }
        simulator.run_until(ms(8_000));
        let expected: Vec<_> = script.iter().map(|(.., action)| *action).collect();
        assert_eq!(meanings(&simulator), expected, "{script:?}");
    }
}

#[test]
fn term_climbs_where_that_was_asked_for() {
    let mut simulator = slow(Config::new().escalate_on_term(true));
    for at in [0, 200, 600, 1_000, 1_200] {
        simulator.signal_at(ms(at), Term);
    }
    simulator.run();
    assert_eq!(meanings(&simulator), [Stops, Merged, SkipsDrain, Merged, Exits]);
    assert_eq!(simulator.exited(), Some((ms(1_200), 143)));
}

/// A request is no signal: nothing merges with it, and the first signal after it escalates.
#[test]
fn a_signal_after_a_request_climbs() {
    for (signal, action) in [(Int, SkipsDrain), (Term, Repeated), (Hup, Repeated)] {
        let mut simulator = slow(Config::new());
        simulator.request("over");
        simulator.request("again");
        simulator.signal_at(ms(1), signal);
        simulator.run_until(ms(1));
        assert_eq!(meanings(&simulator), [action]);
        assert_eq!(
            simulator.machine.stop().map(|stop| stop.reason.clone()),
            Some(Reason::requested("over")),
            "the first reason wins"
        );
    }
}

#[test]
fn a_signal_after_the_end_exits_at_once() {
    for signal in SIGNALS {
        // Requested, so that nothing ends the process but the signal.
        let mut simulator = slow(Config::new());
        simulator.request("over");
        simulator.run();
        assert_eq!(simulator.finished(), Some(ms(12_000)));
        simulator.now = ms(3_600_000);
        simulator.signal(signal);
        assert_eq!(meanings(&simulator), [Exits]);
        let exit = Effect::Exit { code: code(signal), why: ExitWhy::AfterRun(signal) };
        assert_eq!(simulator.trace.last(), Some(&(ms(3_600_000), exit)));
    }
}

#[test]
fn what_comes_with_the_signal_that_stopped_does_not_exit_after_a_quick_end() {
    let mut simulator = Simulator::running(&Config::new(), chain(&[]));
    for at in [1_000, 1_001, 1_499, 1_500] {
        simulator.signal_at(ms(at), Int);
    }
    simulator.run();
    assert_eq!(simulator.finished(), Some(ms(1_000)));
    assert_eq!(meanings(&simulator), [Stops, Merged, Merged, Exits]);
    assert_eq!(simulator.exited(), Some((ms(1_500), 130)));
}

#[test]
fn a_dropped_run_is_a_stop_without_hooks_and_the_next_signal_exits() {
    // While it runs, delays, drains, and runs hooks.
    for dropped in [0, 2_000, 6_000, 9_000] {
        let mut simulator = slow(Config::new());
        if dropped > 0 {
            simulator.request("over");
        }
        simulator.at(ms(dropped), Input::RunDropped);
        simulator.run_until(ms(20_000));
        assert_eq!(simulator.finished(), Some(ms(dropped)));
        assert_eq!(simulator.machine.state(), State::Stopped);
        assert_eq!(
            simulator.machine.stop().map(|stop| stop.reason.clone()),
            Some(Reason::RunDropped)
        );
        assert!(simulator.when(|effect| matches!(effect, Effect::CloseGate { .. })).is_some());
        let started = simulator.when(|effect| matches!(effect, Effect::Step(_)));
        assert_eq!(started.is_some(), dropped == 9_000);
        assert_eq!((simulator.exited(), simulator.breached()), (None, None), "nothing is armed");
        simulator.signal(Term);
        assert_eq!(simulator.exited(), Some((ms(20_000), 143)));
    }
}

#[test]
fn a_run_dropped_after_the_end_changes_nothing() {
    let mut simulator = slow(Config::new());
    simulator.request("over");
    simulator.run();
    let told = simulator.trace.len();
    simulator.handle(Input::RunDropped);
    assert_eq!(simulator.trace.len(), told);
    assert_ne!(simulator.machine.stop().map(|stop| &stop.reason), Some(&Reason::RunDropped));
}

fn interrupted_on_a_terminal() -> Input {
    Input::Signal { signal: Int, sender: None, on_terminal: true }
}

#[test]
fn the_service_stays_open_only_where_a_balancer_has_to_learn_of_the_stop() {
    let kubernetes = || Config::new().platform(Platform::Kubernetes);
    let signal = |signal| Input::Signal { signal, sender: None, on_terminal: false };
    let failed = || MainEnd::Failed { error: "no".to_owned(), interrupted: false, code: 1 };
    for (config, input, delay) in [
        (kubernetes(), signal(Term), 5_000),
        (kubernetes(), signal(Hup), 5_000),
        (kubernetes(), signal(Int), 5_000),
        (kubernetes(), Input::Request("over".into()), 5_000),
        (kubernetes().shutdown_delay(ms(700)), signal(Term), 700),
        (Config::new().platform(Platform::Nomad), signal(Term), 0),
        (kubernetes(), interrupted_on_a_terminal(), 0),
        (kubernetes(), Input::Signal { signal: Term, sender: None, on_terminal: true }, 5_000),
        (kubernetes(), Input::Request(Reason::failure("lost the lease")), 0),
        (kubernetes().job(true), signal(Term), 0),
        (kubernetes().job(true), Input::Request("over".into()), 0),
        (kubernetes(), Input::MainEnded(MainEnd::Returned), 0),
        (kubernetes(), Input::MainEnded(failed()), 0),
        (kubernetes(), Input::MainEnded(MainEnd::Panicked("boom".to_owned())), 0),
    ] {
        let said = format!("{config:?} {input:?}");
        let mut simulator = Simulator::running(&config, chain(&[]));
        simulator.at(ms(1_000), input.clone());
        simulator.run();
        assert_eq!(simulator.entered(State::Draining), Some(ms(1_000 + delay)), "{said}");
        assert_eq!(simulator.entered(State::Delaying), (delay > 0).then_some(ms(1_000)), "{said}");

        let mut never_ready = Simulator::starting(&config, chain(&[]));
        never_ready.at(ms(1_000), input);
        never_ready.run();
        assert_eq!(never_ready.entered(State::Draining), Some(ms(1_000)), "never ready: {said}");
    }
}

#[test]
fn readiness_comes_once_and_not_after_a_stop() {
    let mut simulator = Simulator::running(&Config::new(), chain(&[]));
    simulator.handle(Input::Ready);
    simulator.signal(Term);
    simulator.handle(Input::Ready);
    simulator.run();
    assert_eq!(simulator.count(|effect| *effect == Effect::Enter(State::Running)), 1);
}

#[test]
fn main_that_ends_while_the_service_stays_open_ends_that() {
    for end in [MainEnd::Returned, MainEnd::Panicked("boom".to_owned())] {
        let mut simulator = slow(Config::new());
        simulator.in_flight = 0;
        simulator.signal(Term);
        simulator.at(ms(2_000), Input::MainEnded(end));
        simulator.run();
        assert_eq!(simulator.entered(State::Draining), Some(ms(2_000)));
        assert_eq!(simulator.entered(State::Stopping), Some(ms(2_000)));
        assert!(matches!(
            simulator.machine.stop().map(|stop| &stop.reason),
            Some(Reason::Signal { signal: Term, .. })
        ));
    }
}

/// Calls inside of main are cut with it: they are abandoned, and not over.
#[test]
fn what_is_in_flight_is_counted_before_main_is_dropped() {
    let mut hurried = slow(Config::new());
    hurried.signal_at(ms(0), Term);
    hurried.signal_at(ms(600), Int);
    let mut out_of_time = slow(Config::new());
    out_of_time.signal_at(ms(0), Term);
    for mut simulator in [hurried, out_of_time] {
        simulator.run();
        let ends = [Effect::EndDrain, Effect::DropMain];
        let order: Vec<_> = simulator
            .trace
            .iter()
            .map(|(_, effect)| effect)
            .filter(|effect| ends.contains(effect))
            .collect();
        assert_eq!(order, [&ends[0], &ends[1]]);
    }
}
