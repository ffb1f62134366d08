//! States, readiness, milestones, and who is waited for.

use std::time::Duration;

use lifecycle_process_tests::{Child, Service, Signal, Stream, all, service};

/// A delay that no test waits for: who keeps to it is found out by the time.
const LONG: (&str, &str) = ("LIFECYCLE_SHUTDOWN_DELAY", "14s");
const SOON: Duration = Duration::from_secs(10);

fn up(service: Service) -> Child {
    let child = service.start();
    child.wait_for("up");
    child
}

#[test]
fn states_come_in_order_as_one_stream_of_events() {
    let mut child = up(service!("events").env("LIFECYCLE_SHUTDOWN_DELAY", "200ms"));
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(0).says_in_order(&[
        "event: running, unlimited",
        "event: requested, SIGTERM from pid",
        "event: SIGTERM asks for a graceful stop",
        "event: delaying, limited",
        "event: draining, limited",
        "event: stopping, limited",
        "event: process_app::hooks::note has 5s",
        "event: process_app::hooks::note completed",
        "event: stopped, limited",
    ]);
    ending.says_times("event: ", 9);
    assert!(ending.since_first_signal() >= Duration::from_millis(200), "{ending}");
    // The log has the same, each when it happened.
    let log: Vec<_> = ending.lines(Stream::Stderr).collect();
    let places: Vec<_> = ["running", "delaying, ", "draining, ", "stopping, ", "stopped, "]
        .iter()
        .map(|state| log.iter().position(|line| line.contains(&format!("lifecycle: {state}"))))
        .collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} {ending}");
}

#[test]
fn the_delay_is_skipped_where_nobody_would_learn_of_it() {
    let cases = [
        ("starting", true, 0),
        ("failure", false, 1),
        ("job", true, 143),
        ("job request", false, 75),
        ("failure job", false, 1),
    ];
    all(&cases, |(flags, signalled, code)| {
        let service = service!("events").args(flags.split(' ')).env(LONG.0, LONG.1);
        let mut child = up(service);
        if *signalled {
            child.signal(Signal::TERM);
        }
        let ending = child.end();
        ending.exits(*code).never_says("event: delaying").says("event: draining");
        assert!(ending.elapsed() < SOON, "{ending}");
    });
}

#[test]
fn the_delay_is_kept_otherwise_and_ends_early_when_main_returns() {
    let mut child = up(service!("main", "listens").env("LIFECYCLE_SHUTDOWN_DELAY", "500ms"));
    child.signal(Signal::TERM);
    child.tell("return");
    let ending = child.end();
    ending.exits(0).says_in_order(&["main returns"]);
    assert!(ending.since_last_signal() >= Duration::from_millis(490), "{ending}");

    let mut child = up(service!("main", "gone").env(LONG.0, LONG.1));
    child.signal(Signal::TERM);
    child.wait_for("delaying");
    child.tell("return");
    let ending = child.end();
    ending.exits(0).says_in_order(&["main returns"]);
    assert!(ending.elapsed() < SOON, "{ending}");
}

#[test]
fn what_makes_a_service_ready() {
    let cases = [
        ("ready", ["starting, ready false", "running, ready true", "running, ready true"]),
        ("draining", ["starting, ready false", "running, ready true", "running, ready true"]),
        ("until", ["starting, ready false", "running, ready true", "running, ready true"]),
        ("pull", ["starting, ready false", "running, ready true", "running, ready true"]),
        ("requested", ["starting, ready false", "starting, ready false", "starting, ready false"]),
        ("drained", ["starting, ready false", "starting, ready false", "starting, ready false"]),
        ("hold", ["starting, ready false", "starting, ready false", "starting, ready false"]),
        ("hold ready", ["starting, ready false", "starting, ready false", "running, ready true"]),
        ("hold pull", ["starting, ready false", "starting, ready false", "running, ready true"]),
    ];
    all(&cases, |(flags, stands)| {
        let ending = service!("readiness").args(flags.split(' ')).run();
        let [first, then, at_last] = stands;
        ending.exits(0).says(&format!("first: {first}"));
        ending.says(&format!("then: {then}")).says(&format!("at last: {at_last}"));
    });
}

#[test]
fn a_later_hold_takes_readiness_and_leaves_the_state() {
    let ending = service!("held").run();
    ending.exits(0).says_in_order(&[
        "before: running, ready true",
        "held: running, ready false",
        "holds: \"reload\" (tests/process/src/bin/app/states.rs:",
        "after: running, ready true",
    ]);
}

#[test]
fn milestones_come_one_after_the_other() {
    let ending = service!("milestones").run();
    ending.exits(0).says_in_order(&[
        "requested",
        "draining",
        "the call finished",
        "drained",
        "stopped, 0",
    ]);
    ending.says_in_order(&["the call finished", "hook: note", "stopped, 0"]);
    ending.says("a fresh call: true").says("a late call: false");
}

#[test]
fn loops_end_at_their_milestone_and_begin_nothing_after_it() {
    let ending = service!("until").run();
    ending.exits(0).says_in_order(&["serving", "fetching ends", "serving ends"]);
    ending.says("after the request: None").says("while draining: None").never_says("polled");
}

#[test]
fn a_main_that_listens_is_waited_for() {
    let mut child = up(service!("main", "listens"));
    child.signal(Signal::TERM);
    child.wait_for(
        "main has the drain's time to return: the stop was asked about at tests/process/src/bin/app/tasks",
    );
    child.wait_for(
        "waiting for main, which asked about the stop at tests/process/src/bin/app/tasks.rs:",
    );
    child.tell("return");
    child.end().exits(0).says_in_order(&["main returns", "main dropped", "hook: note"]);
}

#[test]
fn a_main_that_listens_and_does_not_return_is_dropped_at_the_drains_end_and_named() {
    let mut child = up(service!("main", "listens").env("LIFECYCLE_DRAIN_TIMEOUT", "300ms"));
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(70).says_in_order(&["main dropped", "hook: note"]).never_says("main returns");
    ending.says("main listened (asked at tests/process/src/bin/app/tasks");
    assert!(ending.since_last_signal() >= Duration::from_millis(290), "{ending}");
}

#[test]
fn a_main_that_does_not_listen_is_dropped_as_soon_as_nothing_is_in_flight() {
    let mut idle = up(service!("main"));
    idle.signal(Signal::TERM);
    let ending = idle.end();
    ending.exits(0).ends_within(SOON).says_in_order(&["main dropped", "hook: note"]);
    ending.says("main is dropped as soon as nothing is in flight: nobody asked for draining()");

    let mut busy = up(service!("main", "busy"));
    busy.wait_for("call began");
    busy.signal(Signal::TERM);
    busy.wait_for("draining, 1 in flight: 1 process_app::tasks::call");
    busy.tell("finish");
    busy.end().exits(0).says_in_order(&["call finished", "main dropped", "hook: note"]);
}

#[test]
fn servers_in_tasks_of_their_own_count_as_listening() {
    let mut child = service!("join-set").start();
    child.wait_for("public listens");
    child.wait_for("admin listens");
    child.signal(Signal::TERM);
    child.wait_for("waiting for main");
    child.tell("finish");
    child.end().exits(0).says_in_order(&["public is done", "hook: note"]).says_in_order(&[
        "admin is done",
        "main returns",
        "hook: note",
    ]);
}

#[test]
fn a_stop_that_nobody_hears_is_warned_of() {
    const WARNING: &str = "nobody asked for draining() and nothing is tracked";
    let mut deaf = up(service!(bin "process-bare"));
    deaf.signal(Signal::TERM);
    deaf.end().exits(0).says(WARNING);

    let mut listening = up(service!(bin "process-bare", "listens"));
    listening.signal(Signal::TERM);
    listening.end().exits(0).never_says(WARNING);

    // Something is tracked there.
    let mut tracking = up(service!("main"));
    tracking.signal(Signal::TERM);
    tracking.end().exits(0).never_says(WARNING);
}

#[test]
fn a_service_can_be_asked_where_it_stands() {
    let ending = service!("status").run();
    ending.exits(0).says_in_order(&[
        "running: running, live true, reason None, in flight 1 [1 queue], limited false",
        "draining: draining, live true, reason Some(\"requested: enough\"), in flight 1 [1 queue], limited true",
        "draining still: draining, live true",
        "time runs: true",
        "stopped: stopped, live false, reason Some(\"requested: enough\"), in flight 0 [], limited true",
    ]);
    ending.says("within the deadline: true");

    let unlimited = service!("status").env("LIFECYCLE_GRACE_PERIOD", "none").run();
    unlimited.exits(0).says("within the deadline: false").never_says("limited true");
}
