//! What a person at a terminal sees and does: no subscriber is installed.

use std::time::Duration;

use lifecycle_process_tests::{Child, Ending, Service, Signal, Stream, service};

const CTRL_C: u8 = 3;

fn at_terminal(service: Service, line: &str) -> Child {
    let child = service.quiet().on_terminal().start();
    child.wait_for(line);
    child
}

#[test]
fn ctrl_c_stops_without_delay_and_the_report_is_shown() {
    let mut child = at_terminal(service!("worker").env("LIFECYCLE_SHUTDOWN_DELAY", "14s"), "up");
    child.press(CTRL_C);
    child.wait_for("asks for a graceful stop; the next");
    let ending = child.end();
    ending
        .exits(0)
        .says_in_order(&["main returns", "reason: SIGINT from the terminal"])
        .says("hook: note");
    ending
        .says("lifecycle: stopping: SIGINT from the terminal")
        .says(", exit code 0")
        .says("(drain)");
    assert!(ending.elapsed() < Duration::from_secs(10), "{ending}");
}

/// A pod may have a terminal, and an image may stop by SIGINT: no key was pressed.
#[test]
fn an_interrupt_from_a_process_keeps_the_delay() {
    let mut child = at_terminal(service!("worker").env("LIFECYCLE_SHUTDOWN_DELAY", "700ms"), "up");
    child.signal(Signal::INT);
    child.end().exits(0).says("(delay)");
}

#[test]
fn progress_is_shown_and_each_ctrl_c_says_what_the_next_would_do() {
    let mut child = at_terminal(service!("busy", "endless"), "call began");
    child.press(CTRL_C);
    child.wait_for("lifecycle: draining, 1 in flight: 1 process_app::signals::call (oldest ");
    child.press(CTRL_C);
    child.wait_for("Ctrl-C exits at once");
    child.wait_for("hook: endless");
    std::thread::sleep(Duration::from_millis(550));
    child.press(CTRL_C);
    child
        .end()
        .exits(130)
        .says("lifecycle: SIGINT again: exit 130 at once")
        .never_says("call finished");
}

/// A sign says the same where colours are not wanted or do not show.
#[test]
fn colours_are_for_those_who_want_them() {
    let stopped = |service: Service| {
        let mut child = at_terminal(service, "up");
        child.press(CTRL_C);
        child.end()
    };
    let worker = || service!("worker").env("TERM", "xterm-256color");
    stopped(worker()).exits(0).says("\u{1b}[32mclean\u{1b}[0m, exit code 0");
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        stopped(worker().env(name, value))
            .exits(0)
            .says("clean, exit code 0")
            .never_says("\u{1b}[");
    }
    stopped(worker().env("NO_COLOR", "")).says("\u{1b}[32mclean");
    let command = concat!(env!("CARGO_BIN_EXE_process-app"), " worker");
    let at_terminal = Service::at("/usr/bin/script").args(["-qec", command, "/dev/null"]);
    let plan = |service: Service| service.env("TERM", "xterm").env("LIFECYCLE_PLAN", "text").run();
    plan(at_terminal).exits(0).says("\u{1b}[2mtests/process/src/bin/app/hooks.rs:");
    plan(service!("worker"))
        .exits(0)
        .says("  tests/process/src/bin/app/hooks.rs:")
        .never_says("\u{1b}[");
}

/// What the library shows, without what the application and the terminal itself do.
fn shown(ending: &Ending) -> Vec<String> {
    let lines = [Stream::Stdout, Stream::Stderr].into_iter().flat_map(|from| ending.lines(from));
    let lines = lines
        .flat_map(|line| line.split('\r'))
        .map(|line| line.trim_start_matches("^C").trim_end());
    let own = ["hook: ", "main ", "report ", "reason: ", "outcome ", "problem: ", "up"];
    let is_ours = |line: &&str| !line.is_empty() && !own.iter().any(|own| line.starts_with(own));
    lines.filter(is_ours).map(str::to_owned).collect()
}

#[test]
fn a_job_that_ends_well_says_nothing() {
    let job = || service!("ends", "job", "return").quiet().on_terminal();
    let ending = job().run();
    ending.exits(0);
    assert_eq!(shown(&ending), [""; 0], "{ending}");
    let ending = job().env("LIFECYCLE_TERMINAL", "full").run();
    ending.exits(0).says(", exit code 0").says("(drain)");
}

#[test]
fn an_unclean_stop_says_each_problem_once_in_80_columns() {
    for level in ["full", "unclean", "off"] {
        let mut child = at_terminal(
            service!("ends", "hook-fails").env("LIFECYCLE_TERMINAL", level).env("NO_COLOR", "1"),
            "up",
        );
        child.press(CTRL_C);
        let ending = child.end();
        ending.exits(70);
        let shown = shown(&ending);
        let said = shown.iter().filter(|line| line.contains("the broker at")).count();
        assert_eq!(said, 1, "{level}: {ending}");
        let place = "tests/process/src/bin/app/hooks.rs:";
        assert!(shown.iter().any(|line| line.contains(place)), "{level}: {ending}");
        let is_report = shown.iter().any(|line| line.contains("unclean, exit code 70"));
        assert_eq!(is_report, level != "off", "{level}: {ending}");
        if level != "off" {
            let wide: Vec<_> = shown.iter().filter(|line| line.chars().count() > 80).collect();
            assert!(wide.is_empty(), "{level}: {wide:#?}");
        }
    }
}

#[test]
fn nothing_is_said_of_a_clean_stop_where_nobody_looks() {
    let mut child = service!("worker").quiet().start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(0);
    assert_eq!(shown(&ending), [""; 0], "{ending}");
}

#[test]
fn a_level_that_is_none_is_refused() {
    service!("worker")
        .env("LIFECYCLE_TERMINAL", "loud")
        .run()
        .exits(78)
        .says("LIFECYCLE_TERMINAL=loud: write `off`, `unclean` or `full`");
}
