//! The extension in real processes, with real signals.

use std::{fs, path::Path, thread, time::Duration};

use lifecycle_process_tests::{Child, Service, Signal};

fn extended(what: &str) -> Service {
    Service::at(env!("CARGO_BIN_EXE_extended")).arg(what)
}

#[test]
fn a_component_answers_from_before_main_until_after_the_last_hook() {
    let mut child = extended("port").start();
    child.wait_for("listens at");
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(0).says_in_order(&[
        "main: Ok(\"starting\")",
        "hook: Ok(\"stopping\")",
        "after run: refused Some(true)",
    ]);
}

#[test]
fn the_plan_of_a_binary_shows_components_and_is_written_by_a_linked_crate() {
    let ask = |answer| {
        let service = extended("port").env("LIFECYCLE_GRACE_PERIOD", "30s");
        service.env("LIFECYCLE_PLAN", answer).start().end()
    };
    ask("text").exits(0).says("components 1.5s, together, after the last hook: port 1.5s");
    ask("json").exits(0).says("\"stop_timeout_seconds\": 1.5").says("\"name\": \"port\"");
    ask("check").exits(0).says("components    1.5s  together, after the hooks: port");
    ask("names").exits(0).says_in_order(&["asks", "port"]).never_says("listens at");
    ask("nobodys").exits(78).says("`names`");
}

#[test]
fn a_last_resort_is_done_where_a_blocking_main_holds_the_process_until_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("socket");
    let mut child = extended("held").env("FILE", &file).start();
    let group = group_of(&child);
    child.wait_for("up");
    assert!(file.exists() && is_alive(&group));
    child.signal(Signal::TERM);
    child.end().exits(124);
    assert!(!file.exists());
    assert_gone(&group);
}

#[test]
fn a_last_resort_is_done_at_the_last_step_of_the_escalation() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("socket");
    let mut child =
        extended("held").env("FILE", &file).env("LIFECYCLE_GRACE_PERIOD", "60s").start();
    let group = group_of(&child);
    child.wait_for("up");
    for _ in 0..3 {
        child.next_signal(Signal::INT);
    }
    child.end().exits(130);
    assert!(!file.exists());
    assert_gone(&group);
}

#[test]
fn a_last_resort_is_done_for_a_process_that_is_still_there_after_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("socket");
    let mut child = extended("leaked").env("FILE", &file).start();
    let group = group_of(&child);
    child.wait_for("up");
    child.signal(Signal::TERM);
    child.end().exits(0).says("stopped with 0");
    assert!(!file.exists());
    assert_gone(&group);
}

/// With an interval of 10 ms: nobody is woken for it while nothing is in flight.
#[test]
fn an_observer_sleeps_while_nothing_happens_and_has_the_report_before_run_returns() {
    let mut child = extended("observed").start();
    child.wait_for("up");
    thread::sleep(Duration::from_millis(500));
    let before = switches(&child);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(switches(&child), before);
    child.signal(Signal::TERM);
    let states = "told [Starting, Running, Draining, Stopping, Stopped] and true";
    child.end().exits(0).says(states);
}

/// It asks for the drain and panics: main is no listener by it, and runs.
#[test]
fn what_a_linked_crate_begins_with_the_run_has_begun_before_main() {
    let ending = extended("begun").run();
    ending.exits(0).says("begun 1, starting").says("then 1");
    ending.says("what a linked crate does in the run panicked: it is not there yet");
}

#[test]
fn nothing_begins_where_only_the_plan_is_asked_for() {
    let ending = extended("begun").env("LIFECYCLE_PLAN", "names").run();
    ending.exits(0).says("then 0").never_says("begun 1");
}

fn group_of(child: &Child) -> String {
    child.wait_for("child ").replace("child ", "")
}

/// A killed child whose parent is gone may be a zombie of whoever takes it in.
fn is_alive(pid: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(pid).join("status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

fn assert_gone(pid: &str) {
    for _ in 0..200 {
        if !is_alive(pid) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{pid} is still there");
}

/// How often the observer's thread gave up the processor or lost it.
fn switches(child: &Child) -> String {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.pid())).unwrap();
    let status = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("status")).ok())
        .find(|status| status.starts_with("Name:\tlifecycle-obs\n"))
        .expect("a thread of the observer's own");
    status.lines().filter(|line| line.contains("voluntary_ctxt")).collect()
}
