//! A stop that failed never ends with 0: not where nothing may be waited for after the report, and
//! not where the deadline passes in the moment in which the last of it ends.

use std::{thread, time::Duration};

use lifecycle_attack_tests::{Row, hold, programs, row};
use lifecycle_deadline_tests::GRACE;
use lifecycle_process_tests::{Exit, Service, Signal, all};

const AT_ONCE: &[(&str, &str)] = &[("LIFECYCLE_EXIT_TIMEOUT", "0s")];

const WITHOUT_EXIT_TIMEOUT: &[Row] = &[
    row("obedient").env(AT_ONCE),
    row("hook-fails").env(AT_ONCE).codes(&[70]).ran(&["hook: fails"]).says(&[&["no such luck"]]),
    row("hook-blocks").env(AT_ONCE).codes(&[70]).ran(&["hook: blocks"]).says(&[&["stuck"]]),
    row("main-fails").env(AT_ONCE).codes(&[1]).says(&[&["main", "no such luck"]]),
    row("main-panics").env(AT_ONCE).codes(&[1]).says(&[&["main panicked", "no such luck"]]),
    row("call-abandoned").env(AT_ONCE).codes(&[70]).says(&[&["exports", "abandoned"]]),
    row("asks-to-fail").env(AT_ONCE).signals(&[]).codes(&[1]),
    row("component-fails").env(AT_ONCE).codes(&[70]).says(&[&["failing", "no such luck"]]),
];

#[test]
fn without_an_exit_timeout_the_code_is_the_reports() {
    hold(programs!(), WITHOUT_EXIT_TIMEOUT);
}

/// The same under `#[lifecycle::main]`, which ends the runtime as well.
#[test]
fn without_an_exit_timeout_the_attribute_gives_the_code_of_the_report() {
    let fails = [("", 0), ("hook", 70), ("call", 70), ("main", 1), ("panic", 1), ("job", 143)];
    let cases: Vec<_> = fails
        .iter()
        .flat_map(|fails| ["current_thread", "workers"].map(|runtime| (*fails, runtime)))
        .flat_map(|case| [case; 30])
        .collect();
    all(&cases, |((fails, code), runtime)| {
        let mut child = Service::at(env!("CARGO_BIN_EXE_attack-attribute"))
            .arg(runtime)
            .env("FAILS", fails)
            .env("LIFECYCLE_EXIT_TIMEOUT", "0s")
            .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
            .env("LIFECYCLE_DRAIN_TIMEOUT", "300ms")
            .env("RUST_BACKTRACE", "0")
            .start();
        child.wait_for("up");
        child.signal(Signal::TERM);
        let ending = child.end_within(GRACE);
        // A job ends by the signal itself, or by its code where the last step was faster.
        if *fails != "job" || ending.exit() != Exit::Signal(15) {
            ending.exits(*code);
        }
    });
}

/// It begins after the request, and ends after the deadline.
const AT_THE_DEADLINE: &[&str] = &["2251", "2252", "2255", "2260", "2270", "2290"];

#[test]
fn what_ends_a_moment_after_the_deadline_is_late() {
    let rows: Vec<_> = AT_THE_DEADLINE
        .iter()
        .flat_map(|lasts| {
            [
                row("destructor-at-the-deadline").times(2).codes(&[124]).says(&[&["deadline"]]),
                row("main-at-the-deadline").times(1).codes(&[70, 124]).ran(&[]),
                row("hook-at-the-deadline").times(1).codes(&[70, 124]).ran(&[]),
                row("sync-hook-at-the-deadline").times(1).codes(&[70, 124]).ran(&[]),
            ]
            .map(|row| row.held().with("LASTS", (*lasts).to_owned()))
        })
        .collect();
    hold(programs!(), &rows);
}

/// Stopped before the deadline, and woken after it: what ended while nobody looked was late.
#[test]
fn a_process_that_was_stopped_across_its_deadline_knows_that_it_is_over() {
    let cases = [
        ("hook-sleeps", "hook: sleeps"),
        ("destructor-sleeps", "destructor"),
        ("sync-hook-at-the-deadline", ""),
    ];
    let runs: Vec<_> = (0..30)
        .map(|run| (cases[run % cases.len()], ["current_thread", "1", "2", "4"][run % 4], run))
        .collect();
    all(&runs, |((name, begun), runtime, _)| {
        let mut child = Service::at(programs!().attack)
            .args([runtime, name])
            .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
            .env("LASTS", "500")
            .start();
        child.wait_for("up");
        child.signal(Signal::TERM);
        if begun.is_empty() {
            thread::sleep(Duration::from_millis(100));
        } else {
            child.wait_for(begun);
        }
        child.signal(Signal::STOP);
        thread::sleep(Duration::from_millis(2_400));
        child.signal(Signal::CONT);
        let ending = child.end();
        if ending.exit() != Exit::Code(124) {
            ending.fail("should end with 124");
        }
        ending.says("deadline").ends_within(Duration::from_millis(300));
    });
}

#[test]
fn a_process_that_was_stopped_before_its_deadline_goes_on() {
    all(&["current_thread", "1", "2", "4"], |runtime| {
        let mut child = Service::at(programs!().attack)
            .args([runtime, "hook-sleeps"])
            .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
            .start();
        child.wait_for("up");
        child.signal(Signal::TERM);
        child.wait_for("hook: sleeps");
        child.signal(Signal::STOP);
        thread::sleep(Duration::from_millis(300));
        child.signal(Signal::CONT);
        child.end().exits(0).says("hook: slept");
    });
}
