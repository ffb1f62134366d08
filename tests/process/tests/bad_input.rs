//! What is wrong before main runs, and what operations can set.

use std::{fs, path::Path};

use lifecycle_process_tests::{Service, Signal, Stream, all, service};

#[test]
fn an_invalid_plan_and_environment_are_told_whole_and_main_is_not_polled() {
    all(&["run", "main"], |how| {
        let ending = service!(bin "process-invalid", how)
            .env("LIFECYCLE_GRACE_PERIOD", "soon")
            .env("LIFECYCLE_DRAIN_TIMEOUT", "-5s")
            .env("LIFECYCLE_EXIT_TIMEOUT", "10")
            .env("LIFECYCLE_HOOK_TIMEOUT__LATE", "0s")
            .env("LIFECYCLE_REPORT", "report.pdf")
            .env("LIFECYCLE_PLAN", "poem")
            .run();
        ending.exits(78).never_says("main was polled");
        let text: Vec<_> = ending.lines(Stream::Stderr).collect();
        let text = text.join("\n");
        for problem in [
            "LIFECYCLE_GRACE_PERIOD=soon",
            "LIFECYCLE_DRAIN_TIMEOUT=-5s",
            "LIFECYCLE_EXIT_TIMEOUT=10",
            "LIFECYCLE_HOOK_TIMEOUT__LATE=0s",
            "LIFECYCLE_REPORT=report.pdf",
            "LIFECYCLE_PLAN=poem",
            "4 problems",
            "hooks wait for one another in a circle",
            "`process_invalid::hen` says `after` at tests/process/src/bin/invalid.rs:",
            "`process_invalid::egg` says `after` at tests/process/src/bin/invalid.rs:",
            "an edge runs against two written orders",
            "`process_invalid::early` (tests/process/src/bin/invalid.rs:",
            "2 hooks take `Pool`",
            "`process_invalid::takes_too` (tests/process/src/bin/invalid.rs:",
            "2 hooks were given the name `the one`",
        ] {
            if !text.contains(problem) {
                ending.fail(&format!("does not say {problem:?}"));
            }
        }
    });
}

/// `process-defaults`, with the file that its main would touch.
fn defaults(dir: &Path) -> Service {
    service!(bin "process-defaults").env("TOUCH", dir.join("touched"))
}

#[test]
fn an_application_repairs_what_its_libraries_declared() {
    let ending = service!(bin "process-invalid", "repaired").run();
    ending.exits(0).says("main was polled");
}

/// Its standard output is this file.
fn to_file(path: &str, program: &str) -> Service {
    Service::at("/bin/sh").args(["-c", "exec \"$1\" >\"$0\"", path, program])
}

#[test]
fn a_plan_that_cannot_be_printed_is_no_success() {
    for answer in ["text", "json", "mermaid", "dot", "svg", "check"] {
        let ending = to_file("/dev/full", env!("CARGO_BIN_EXE_process-defaults"))
            .env("LIFECYCLE_PLAN", answer)
            .run();
        ending.exits(1).never_says("up").says(
            "lifecycle: what LIFECYCLE_PLAN asks for could not be written to stdout: No space left",
        );
    }
}

#[test]
fn whoever_does_not_read_the_plan_to_its_end_is_content() {
    // The reader ends before the service starts.
    let line = "sleep 0.3; \"$0\"; echo $? >&2";
    let ending = Service::at("/bin/sh")
        .args(["-c", "(eval \"$1\") | true", env!("CARGO_BIN_EXE_process-defaults")])
        .arg(line)
        .env("LIFECYCLE_PLAN", "json")
        .run();
    let said: Vec<_> = ending.lines(Stream::Stderr).collect();
    assert_eq!(said, ["0"], "{ending}");
}

#[test]
fn a_plan_that_is_asked_for_is_printed_and_nothing_is_touched() {
    let cases = [
        ("text", "30s", 0, "process_defaults::tidy", Stream::Stdout),
        ("text", "1s", 0, "process_defaults::close", Stream::Stdout),
        ("json", "30s", 0, "  \"format\": \"lifecycle.plan\",", Stream::Stdout),
        ("mermaid", "30s", 0, "process_defaults::tidy", Stream::Stdout),
        ("dot", "30s", 0, "digraph plan {", Stream::Stdout),
        ("svg", "30s", 0, "<svg ", Stream::Stdout),
        ("check", "30s", 0, "5s", Stream::Stdout),
        ("check", "6s", 78, "process_defaults::tidy", Stream::Stderr),
    ];
    all(&cases, |(answer, grace, code, text, stream)| {
        let dir = tempfile::tempdir().unwrap();
        let report = dir.path().join("report.txt");
        let ending = defaults(dir.path())
            .env("LIFECYCLE_PLAN", answer)
            .env("LIFECYCLE_GRACE_PERIOD", grace)
            .env("LIFECYCLE_REPORT", &report)
            .run();
        ending.exits(*code).never_says("up").never_says("hook: ");
        if !ending.lines(*stream).any(|line| line.contains(text)) {
            ending.fail(&format!("does not say {text:?} on {stream:?}"));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{ending}");
    });
}

#[test]
fn a_hooks_timeout_can_be_set_by_its_name() {
    let endless = || service!("busy", "endless").env("LIFECYCLE_DRAIN_TIMEOUT", "100ms");
    all(&["ENDLESS", "PROCESS_APP__HOOKS__ENDLESS", "HOOKS__ENDLESS"], |name| {
        let mut child = endless().env(format!("LIFECYCLE_HOOK_TIMEOUT__{name}"), "200ms").start();
        child.wait_for("call began");
        child.signal(Signal::TERM);
        let ending = child.end();
        ending.exits(70).says("outcome of process_app::hooks::endless: timed out");
        ending.says("hook process_app::hooks::endless starts, has 200.0ms");
    });
    let ending = service!("hanging").env("LIFECYCLE_HOOK_TIMEOUT__NOBODY", "1s").run();
    ending
        .exits(70)
        .says("LIFECYCLE_HOOK_TIMEOUT__NOBODY: no hook of that name is in the plan yet");
}

#[test]
fn unknown_variables_are_warned_of_unless_kubernetes_made_them() {
    let ending = service!("no-hooks")
        .env("LIFECYCLE_GRACE_PERIODE", "5s")
        .env("LIFECYCLE_DRAINTIMEOUT", "5s")
        .env("LIFECYCLE_PORT", "tcp://10.0.0.1:80")
        .env("LIFECYCLE_PORT_80_TCP_ADDR", "10.0.0.1")
        .env("LIFECYCLE_SERVICE_HOST", "10.0.0.1")
        .env("LIFECYCLE_SERVICE_PORT_HTTP", "80")
        .run();
    ending.exits(0).says_times("is not a variable of lifecycle", 2);
    ending
        .says("LIFECYCLE_GRACE_PERIODE is not a variable of lifecycle; did you mean LIFECYCLE_GRACE_PERIOD?");
    ending
        .says("LIFECYCLE_DRAINTIMEOUT is not a variable of lifecycle; did you mean LIFECYCLE_DRAIN_TIMEOUT?");
}

#[test]
fn operations_have_the_last_word_and_the_start_up_line_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let ending = service!("no-hooks")
        .env("LIFECYCLE_GRACE_PERIOD", "1m30s")
        .env("LIFECYCLE_EXIT_TIMEOUT", "250ms")
        .env("TOUCH", dir.path().join("x"))
        .run();
    ending.exits(0).says("grace period 1m30s (LIFECYCLE_GRACE_PERIOD)");
    ending.says("exit timeout 250ms (LIFECYCLE_EXIT_TIMEOUT)").says("drain timeout none (default)");
}

#[test]
fn a_second_run_says_so_and_polls_nothing() {
    let ending = service!("run-twice").run();
    ending.exits(0).never_says("was polled").says("hook: note");
    for which in ["inner", "second"] {
        ending.says(&format!("{which}: 78, lifecycle::run was called twice"));
    }
}

#[test]
fn outside_of_a_tokio_runtime_run_says_so_at_once() {
    let ending = service!("no-runtime").run();
    ending.exits(78).never_says("main was polled").never_says("waits for ever");
    ending.says("lifecycle: lifecycle::run was called outside of a tokio runtime");
}
