//! What signals do to real processes.

use std::time::Duration;

use lifecycle_process_tests::{Child, Service, Signal, all, service};

const SOON: Duration = Duration::from_secs(10);

fn up(service: Service) -> Child {
    let child = service.start();
    child.wait_for("up");
    child
}

/// A service with a call in flight.
fn busy(service: Service) -> Child {
    let child = service.start();
    child.wait_for("call began");
    child
}

#[test]
fn each_asks_for_a_graceful_stop_and_its_sender_is_said() {
    let sender =
        format!("from pid {}, uid {}", std::process::id(), rustix::process::getuid().as_raw());
    let cases = [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT"), (Signal::HUP, "SIGHUP")];
    all(&cases, |(signal, name)| {
        let mut child = up(service!("worker"));
        child.signal(*signal);
        let ending = child.end();
        ending.exits(0).ends_within(SOON).says_in_order(&["main returns", "outcome of", "reason"]);
        ending.says("hook: note").says(&format!("{name} {sender} asks for a graceful stop"));
        ending.says(&format!("reason: {name} {sender}"));
    });
}

#[test]
fn two_at_once_are_one() {
    all(&[(Signal::TERM, Signal::INT), (Signal::INT, Signal::TERM)], |(first, second)| {
        // A machine that stands still between the two makes them two: then it is tried again.
        for _ in 0..10 {
            let mut child = busy(service!("busy"));
            child.signal(*first);
            child.signal(*second);
            child.wait_for_nth("Ctrl-C", 2);
            child.tell("finish");
            let ending = child.end();
            if ending.count("is one with it") == 0
                && ending.at("ends the delay") - ending.at("asks for") > Duration::from_millis(400)
            {
                continue;
            }
            ending
                .exits(0)
                .says("is one with it")
                .says("call finished")
                .never_says("ends the delay");
            return;
        }
        panic!("two signals were never heard at once");
    });
}

#[test]
fn a_repeated_term_changes_nothing() {
    let mut child = busy(service!("busy"));
    child.signal(Signal::TERM);
    for count in 1..=2 {
        child.next_signal(Signal::TERM);
        child.wait_for_nth("SIGTERM from pid", count + 1);
        child.wait_for_nth("changes nothing: the stop is under way", count);
    }
    child.tell("finish");
    child.end().exits(0).says("call finished").says("hook: note");
}

#[test]
fn an_interrupt_after_that_ends_the_drain_and_hooks_still_run() {
    let cases = [
        ("", Signal::TERM, Signal::INT),
        ("", Signal::INT, Signal::INT),
        ("", Signal::HUP, Signal::INT),
        ("escalate", Signal::TERM, Signal::TERM),
    ];
    all(&cases, |(flag, first, second)| {
        let mut child = busy(service!("busy", flag));
        child.signal(*first);
        child.wait_for("asks for a graceful stop");
        child.next_signal(*second);
        let ending = child.end();
        ending.exits(70).ends_within(SOON).never_says("call finished").says("hook: note");
        ending.says(
            "ends the delay and the drain now; hooks still run; the next Ctrl-C exits at once",
        );
        ending.says("1 call(s) of `process_app::signals::call`");
    });
}

#[test]
fn one_more_ends_the_process_at_once_and_names_who_held_it() {
    let cases = [
        (["endless", ""], Signal::TERM, Signal::INT, 130),
        (["endless", ""], Signal::INT, Signal::INT, 130),
        (["endless", "escalate"], Signal::TERM, Signal::TERM, 143),
    ];
    all(&cases, |(flags, first, then, code)| {
        let mut child = busy(service!("busy").args(flags));
        child.signal(*first);
        child.wait_for("asks for a graceful stop");
        child.next_signal(*then);
        child.wait_for("hook: endless");
        child.next_signal(*then);
        let ending = child.end();
        ending.exits(*code).ends_within(SOON).says(&format!("again: exit {code} at once"));
        ending.says("hook `process_app::hooks::endless` (tests/process/src/bin/app/hooks.rs:");
        ending.says("process_app::signals::call (tests/process/src/bin/app/signals.rs:");
    });
}

#[test]
fn an_interrupt_ends_the_delay_too() {
    let delayed = || up(service!("worker").env("LIFECYCLE_SHUTDOWN_DELAY", "14s"));
    let mut child = delayed();
    child.signal(Signal::TERM);
    child.wait_for("delaying");
    child.next_signal(Signal::INT);
    child.end().exits(0).ends_within(SOON).says("hook: note");

    let mut child = busy(service!("busy", "endless").env("LIFECYCLE_SHUTDOWN_DELAY", "14s"));
    child.signal(Signal::INT);
    child.wait_for("delaying");
    child.next_signal(Signal::INT);
    child.wait_for("hook: endless");
    child.next_signal(Signal::INT);
    child.end().exits(130).ends_within(SOON);
}

#[test]
fn one_that_comes_before_main_is_heard_and_main_is_not_polled() {
    all(&[("early", "installed"), ("building", "building")], |(scenario, line)| {
        let mut child = service!(scenario).start();
        child.wait_for(line);
        child.signal(Signal::TERM);
        child.wait_for("asks for a graceful stop");
        child.tell("go");
        let ending = child.end();
        ending.exits(0).ends_within(SOON).says("hook: note").never_says("up");
    });
}

/// A start-up that hangs has the grace period that the code says, not the platform's 10 s or 30 s.
#[test]
fn the_deadline_of_a_stop_before_run_is_the_configurations() {
    let mut child = service!("building", "short").start();
    child.wait_for("building");
    child.signal(Signal::TERM);
    let ending = child.end();
    ending
        .exits(124)
        .says("run was not reached: start-up still goes on")
        .ends_within(Duration::from_secs(6));
}

/// Before the library runs a signal kills, as it kills any process; after that it never does, nor
/// does it get lost.
#[test]
fn at_any_moment_of_start_up_one_is_the_systems_or_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let moments: Vec<u64> = (0..60).map(|moment| moment * 100).collect();
    all(&moments, |micros| {
        let touched = dir.path().join(micros.to_string());
        let mut child = service!(bin "process-defaults").env("TOUCH", &touched).start();
        std::thread::sleep(Duration::from_micros(*micros));
        child.signal(Signal::TERM);
        let ending = child.end();
        if ending.count("hook: ") + ending.count("up") + usize::from(touched.exists()) == 0
            && ending.exit() != lifecycle_process_tests::Exit::Code(0)
        {
            ending.is_killed_by(Signal::TERM);
        } else {
            ending.exits(0).ends_within(SOON);
        }
    });
}

#[test]
fn a_blocked_runtime_does_not_keep_it_from_being_heard() {
    let mut child = up(service!("blocked"));
    child.signal(Signal::TERM);
    child.wait_for("asks for a graceful stop");
    child.next_signal(Signal::INT);
    child.wait_for("ends the delay and the drain now");
    child.next_signal(Signal::INT);
    let ending = child.end();
    ending.exits(130).ends_within(SOON).says("main has not returned");
}

#[test]
fn one_that_comes_after_run_ends_the_process_at_once() {
    let cases = [
        ("lingering", Signal::TERM, 143),
        ("lingering", Signal::INT, 130),
        ("lingering", Signal::HUP, 129),
        ("dropped", Signal::TERM, 143),
        ("dropped", Signal::INT, 130),
    ];
    all(&cases, |(scenario, signal, code)| {
        let mut child = service!(scenario).quiet().start();
        child.wait_for("run is over");
        child.signal(*signal);
        let ending = child.end();
        ending.exits(*code).ends_within(SOON).says(&format!("exit {code} at once"));
    });
}

#[test]
fn a_dropped_run_says_in_one_line_what_it_skipped() {
    let mut child = service!("dropped").quiet().start();
    child.wait_for("run is over");
    child.wait_for("the run future was dropped");
    child.signal(Signal::TERM);
    let ending = child.end();
    let said: Vec<_> = ending.lines(lifecycle_process_tests::Stream::Stderr).collect();
    assert_eq!(said.len(), 2, "{ending}");
    for skipped in
        ["a stop without hooks", "process_app::hooks::note", "process_app::hooks::endless"]
    {
        assert!(said[0].contains(skipped), "{ending}");
    }
    ending.never_says("hook: ").never_says("main returns");
}

#[test]
fn one_inherited_as_ignored_stays_ignored() {
    all(&[("HUP", Signal::HUP), ("INT", Signal::INT)], |(name, signal)| {
        let mut child = up(service!("worker").ignoring(name));
        child.signal(*signal);
        child.next_signal(Signal::TERM);
        child
            .end()
            .exits(0)
            .says("reason: SIGTERM")
            .says(&format!("ignored since before the start: SIG{name}"))
            .never_says(&format!("SIG{name} from"));
    });
}

#[test]
fn only_those_that_were_named_are_handled() {
    let cases = [
        ("deaf", Signal::TERM, Err(Signal::TERM)),
        ("deaf", Signal::INT, Err(Signal::INT)),
        ("quit", Signal::TERM, Err(Signal::TERM)),
        ("quit", Signal::QUIT, Ok("SIGQUIT")),
        ("quit", Signal::WINCH, Ok("SIGWINCH")),
        ("", Signal::USR1, Err(Signal::USR1)),
    ];
    all(&cases, |(flag, signal, end)| {
        let mut child = up(service!("worker", flag));
        child.signal(*signal);
        let ending = child.end();
        match end {
            Ok(name) => ending.exits(0).says(&format!("reason: {name}")).says("hook: note"),
            Err(signal) => ending.is_killed_by(*signal).never_says("hook: note"),
        };
    });
}

#[test]
fn a_real_time_signal_stops_and_is_guarded() {
    let child = up(service!("worker", "quit"));
    let sent = std::process::Command::new("kill").args(["-37", &child.pid().to_string()]).status();
    assert!(sent.unwrap().success());
    let ending = child.end();
    ending.exits(0).says("reason: SIGRTMIN+3 from").says("hook: note");
}

#[test]
fn tokios_own_signals_go_on_working() {
    let mut child = up(service!("beside"));
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(0).says("the application heard it").says("and heard it again").says("hook: note");
}
