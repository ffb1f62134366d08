//! Every exit code, every pair of them that can meet, and what is said of it on stderr.

use lifecycle_process_tests::{Ending, Service, Signal, Stream, all, service};

/// What the test does to the service, once it is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    Signal(Signal),
    /// A signal that comes before `run`.
    Early(Signal),
    /// Up the whole ladder.
    Climb,
}

/// The flags of `process-app ends`, what happens, and the code.
type Case = (&'static str, Then, i32);

const TERM: Then = Then::Signal(Signal::TERM);
const INT: Then = Then::Signal(Signal::INT);
const NOTHING: Then = Then::Nothing;

fn ends(flags: &str) -> Service {
    let service = service!("ends").args(flags.split_whitespace());
    if flags.contains("breach") { service.env("LIFECYCLE_GRACE_PERIOD", "3s") } else { service }
}

fn run((flags, then, _): &Case) -> Ending {
    let service = ends(flags);
    let mut child = if *then == Then::Climb { service } else { service.quiet() }.start();
    match then {
        Then::Nothing => {}
        Then::Signal(signal) => {
            child.wait_for("up");
            child.signal(*signal);
        }
        Then::Early(signal) => {
            child.wait_for("up");
            child.signal(*signal);
            child.tell("go");
        }
        Then::Climb => {
            child.wait_for("up");
            child.signal(Signal::INT);
            child.wait_for("hook: endless");
            child.next_signal(Signal::INT);
            child.wait_for("ends the delay and the drain now");
            child.next_signal(Signal::INT);
        }
    }
    child.end()
}

fn checked(cases: &[Case]) {
    all(cases, |case| {
        run(case).exits(case.2);
    });
}

#[test]
fn each_code() {
    checked(&[
        ("return", NOTHING, 0),
        ("ask", NOTHING, 0),
        ("", TERM, 0),
        ("stay", TERM, 70),
        ("hook-fails", TERM, 70),
        ("hook-panics", TERM, 70),
        ("hook-hangs", TERM, 70),
        ("hook-sticks", TERM, 70),
        ("hook-dawdles", TERM, 70),
        ("hook-lacks", TERM, 70),
        ("abandon", TERM, 70),
        ("err", TERM, 1),
        ("err-early", NOTHING, 1),
        ("panic", TERM, 1),
        ("ask-failure", NOTHING, 1),
        ("breach", TERM, 124),
        ("job stay ask", NOTHING, 75),
        ("job stay", TERM, 143),
        ("job stay", INT, 130),
        ("job stay", Then::Signal(Signal::HUP), 129),
        ("hook-fails-and-endless", Then::Climb, 130),
        ("hook-cycle", NOTHING, 78),
    ]);
}

#[test]
fn an_invalid_plan_wins_over_all() {
    checked(&[
        ("hook-cycle early", Then::Early(Signal::TERM), 78),
        ("hook-cycle early job", Then::Early(Signal::TERM), 78),
        ("hook-cycle ask-early job", NOTHING, 78),
        ("hook-cycle ask-failure-early", NOTHING, 78),
    ]);
}

#[test]
fn the_last_rung_and_a_job_that_was_stopped_win_over_the_rest() {
    checked(&[
        ("job stay breach", TERM, 143),
        ("job stay breach ask", NOTHING, 75),
        ("job err", TERM, 143),
        ("job err ask", NOTHING, 75),
        ("job panic", TERM, 143),
        ("job stay hook-fails", TERM, 143),
        ("job stay hook-fails ask", NOTHING, 75),
        ("job stay abandon", INT, 130),
        ("job refused", TERM, 143),
        ("err hook-fails-and-endless", Then::Climb, 130),
    ]);
}

#[test]
fn a_deadline_that_passed_wins_over_failures() {
    checked(&[
        ("breach err", TERM, 124),
        ("breach err-early", NOTHING, 124),
        ("breach ask-failure", NOTHING, 124),
        ("breach hook-fails", TERM, 124),
        ("breach abandon", TERM, 124),
    ]);
}

#[test]
fn a_failure_of_main_wins_over_hooks_and_abandoned_work() {
    checked(&[
        ("err hook-fails", TERM, 1),
        ("err-early hook-panics", NOTHING, 1),
        ("panic hook-hangs", TERM, 1),
        ("ask-failure abandon", NOTHING, 1),
        ("ask-failure stay hook-fails", NOTHING, 1),
    ]);
}

/// A job that was told of the stop and returned was interrupted, whatever hooks and deadline do then; one
/// that got its work done before is no stopped job, and a failure is no request.
#[test]
fn a_job_is_measured_by_its_main() {
    checked(&[
        ("job", TERM, 143),
        ("job return", NOTHING, 0),
        ("job ask", NOTHING, 75),
        ("job hook-fails", TERM, 143),
        ("job err-early", NOTHING, 1),
        ("job stay ask-failure", NOTHING, 1),
        ("job breach", TERM, 143),
    ]);
}

#[test]
fn a_main_whose_own_call_was_refused_did_not_fail() {
    let ending = run(&("refused", TERM, 0));
    ending.exits(0).never_says("main failed").never_says("placing");
    run(&("refused hook-fails", TERM, 70)).exits(70).never_says("main failed");
}

#[test]
fn every_problem_is_one_line_on_stderr_without_a_subscriber() {
    let cases: [(&str, Then, &[&str]); 14] = [
        ("", TERM, &[]),
        ("err", TERM, &["main failed: cannot reach postgres://app:***@db/orders"]),
        ("panic", TERM, &["main panicked: main had enough of postgres://app:***@db/orders"]),
        ("ask-failure", NOTHING, &["as a failure: lost the lease at redis://app:***@lock"]),
        (
            "hook-fails",
            TERM,
            &["hook `process_app::hooks::fails` (tests/process/src/bin/app/hooks.rs:"],
        ),
        ("hook-fails", TERM, &["failed: the broker at amqp://app:***@mq is gone"]),
        ("hook-panics", TERM, &["panicked: no such luck at amqp://app:***@mq"]),
        ("hook-hangs", TERM, &["timed out, after"]),
        (
            "hook-sticks",
            TERM,
            &["is stuck: it has been running for", "stuck: it could not be stopped"],
        ),
        (
            "job stay",
            TERM,
            &["main listened (asked at", "the job was stopped before it returned: SIGTERM"],
        ),
        ("hook-lacks", TERM, &["skipped: `process_app::resources::Absent` was never provided"]),
        (
            "abandon",
            TERM,
            &["1 call(s) of `process_app::ends::place` (tests/process/src/bin/app/ends.rs:"],
        ),
        (
            "err abandon hook-fails",
            TERM,
            &["main failed", "were abandoned", "process_app::hooks::fails"],
        ),
        (
            "breach",
            TERM,
            &["has passed: exit 124", "the destructor of `process_app::ends::Immortal`"],
        ),
    ];
    all(&cases, |(flags, then, problems)| {
        let ending = run(&(flags, *then, 0));
        let ours: Vec<_> =
            ending.lines(Stream::Stderr).filter(|line| line.starts_with("lifecycle: ")).collect();
        if ours.len() != problems.len() {
            ending.fail(&format!("should say {} lines on stderr", problems.len()));
        }
        for (line, problem) in ours.iter().zip(*problems) {
            if !line.contains(problem) {
                ending.fail(&format!("{line:?} should say {problem:?}"));
            }
        }
        // What std prints of a panic is not ours.
        assert!(ours.iter().all(|line| !line.contains("s3cret")), "{ending}");
    });
}

#[test]
fn passwords_are_redacted_in_the_log_and_the_report_too() {
    let dir = tempfile::tempdir().unwrap();
    for (at, flags) in ["err hook-fails", "ask-failure", "err-early"].iter().enumerate() {
        let path = dir.path().join(format!("{at}.txt"));
        let mut child =
            service!("ends").args(flags.split(' ')).env("LIFECYCLE_REPORT", &path).start();
        if flags.contains("err ") {
            child.wait_for("up");
            child.signal(Signal::TERM);
        }
        child.end().exits(1).says("app:***@").never_says("s3cret");
        let report = std::fs::read_to_string(&path).unwrap();
        assert!(report.contains("app:***@") && !report.contains("s3cret"), "{report}");
    }
}
