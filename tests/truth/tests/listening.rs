//! Who is waited for, how long, and what is said of a main that did not go.

use std::{thread, time::Duration};

use lifecycle_process_tests::{Child, Ending, Service, Signal, Stream, service};

fn up(service: Service) -> Child {
    let child = service.start();
    child.wait_for("up");
    child
}

/// Started, stopped once it is up and has asked, and waited for.
fn stopped(service: Service) -> Ending {
    let mut child = up(service);
    thread::sleep(Duration::from_millis(50));
    child.signal(Signal::TERM);
    child.end()
}

/// What the library says in any case.
fn ours(ending: &Ending) -> impl Iterator<Item = &str> {
    ending.lines(Stream::Stderr).filter(|line| line.starts_with("lifecycle: "))
}

const SOON: Duration = Duration::from_secs(2);

#[test]
fn drained_does_not_wait_for_the_main_that_waits_for_it() {
    stopped(service!(bin "truth-rows", "until-drained"))
        .exits(0)
        .says_in_order(&["drained", "last work done", "report clean: true"])
        .ends_within(SOON);
}

#[test]
fn what_main_asks_inside_of_a_call_counts() {
    stopped(service!(bin "truth-rows", "asked-in-a-call"))
        .exits(0)
        .says_in_order(&["last work", "last work done", "report clean: true"])
        .ends_within(SOON);
}

#[test]
fn a_main_that_follows_the_events_is_waited_for() {
    stopped(service!(bin "truth-rows", "asked-for-events"))
        .exits(0)
        .says_in_order(&["last work", "last work done", "report clean: true"])
        .ends_within(SOON);
}

#[test]
fn a_task_that_asked_once_is_waited_for_when_main_awaits_it() {
    stopped(service!(bin "truth-rows", "asked-once-in-a-task"))
        .exits(0)
        .says_in_order(&["last work done", "report clean: true"])
        .ends_within(SOON);
}

/// A request that watches for the drain is no promise that main goes.
#[test]
fn what_a_call_in_another_task_asks_does_not_make_main_wait() {
    let mut child = up(service!(bin "truth-rows", "asked-by-a-call-in-a-task"));
    // Until the request has asked.
    thread::sleep(Duration::from_millis(100));
    child.signal(Signal::TERM);
    child.end().exits(0).ends_within(SOON);
}

#[test]
fn who_waits_for_the_report_is_not_waited_for() {
    stopped(service!(bin "truth-rows", "asked-for-the-report")).exits(0).ends_within(SOON);
}

#[test]
fn a_main_that_blocks_its_thread_is_waited_for_before_hooks_start() {
    stopped(service!(bin "truth-rows", "migration"))
        .says_in_order(&["migrated", "pool closed"])
        .exits(0);
}

#[test]
fn a_main_that_never_yields_has_the_drains_time_and_is_named() {
    for flag in ["listens", "deaf"] {
        let service = service!(bin "truth-rows", "blocked", flag).quiet();
        let ending = stopped(service.env("LIFECYCLE_GRACE_PERIOD", "5s"));
        ending.says("pool closed");
        if ![70, 124].map(lifecycle_process_tests::Exit::Code).contains(&ending.exit()) {
            ending.fail("a main that was abandoned is no success");
        }
        let drained = ending.at("pool closed") - ending.at("up");
        assert!(drained >= Duration::from_millis(650), "the pool was closed too early: {ending}");
        assert!(ours(&ending).any(|line| line.contains("main")), "main is not named: {ending}");
    }
}

#[test]
fn a_main_that_listened_and_had_to_be_dropped_is_unclean_and_the_line_says_where_it_asked() {
    let ending = stopped(service!(bin "truth-rows", "endless").quiet());
    ending.exits(70).says("report clean: false");
    let place = "tests/truth/src/bin/rows/blocking.rs:";
    let named = ours(&ending).any(|line| line.contains("main") && line.contains(place));
    assert!(named, "where main asked is not said: {ending}");
}

/// Where nobody asked and nothing is tracked, a stop cuts what runs: that is told once, with what to
/// write, and nothing calls it clean.
#[test]
fn a_stop_that_cut_what_nothing_tracks_is_not_called_clean() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let bare = || service!(bin "truth-ctrl-c", "bare");
    let ending = stopped(bare().env("LIFECYCLE_REPORT", path("stop.txt")));
    ending.exits(0).never_says("cleanly");
    let report = std::fs::read_to_string(path("stop.txt")).unwrap();
    assert!(!report.lines().any(|line| line.starts_with("clean")), "{report}");

    let quiet = stopped(bare().quiet().env("LIFECYCLE_REPORT", path("stop.json")));
    let report = std::fs::read_to_string(path("stop.json")).unwrap();
    let report = lifecycle::Report::from_json(&report).unwrap();
    assert_eq!((report.is_clean(), report.exit_code()), (false, 0), "{report}");
    let ours: Vec<_> = ours(&quiet).collect();
    assert!(ours.len() == 1 && ours[0].contains("draining()"), "{quiet}");
}

#[test]
fn main_is_waited_for_as_long_as_operations_say_once_nothing_is_in_flight() {
    let service = service!(bin "truth-rows", "lingering").quiet();
    let ending = stopped(service.env("LIFECYCLE_MAIN_TIMEOUT", "300ms"));
    ending.exits(0).ends_within(SOON);
    assert!(ours(&ending).any(|line| line.contains("main")), "the cut is not named: {ending}");
}

#[test]
fn main_is_waited_for_as_long_as_the_program_says_once_nothing_is_in_flight() {
    stopped(service!(bin "truth-rows", "bounded")).exits(0).ends_within(SOON);
}

#[test]
fn after_a_second_the_log_says_who_is_waited_for_and_how_to_bound_it() {
    let mut child = up(service!(bin "truth-rows", "lingering"));
    child.signal(Signal::TERM);
    let line =
        child.wait_for("nothing is in flight: waiting for main, which asked about the stop at");
    assert!(line.contains("tests/truth/src/bin/rows/blocking.rs:"), "{line}");
    assert!(line.contains("main_timeout"), "{line}");
}
