//! Thousands of threads, hooks and calls: each alone on the machine, as they take all of it.

use std::time::Duration;

use lifecycle_attack_tests::programs;
use lifecycle_deadline_tests::{DEADLINE, Figures, GRACE, in_time};
use lifecycle_process_tests::{Ending, Exit, Service, Signal, Stream};

/// What the kernel takes to end 10,000 threads.
const TEARING_DOWN: Duration = Duration::from_millis(700);

/// The handler of a signal runs on main's thread where that does not block it, and that has its
/// turn after 2,000 that spin: so long before the library hears of it at all.
const TURN: Duration = Duration::from_secs(30);

fn run(name: &str, crowd: usize, runtime: &str, kill: Duration) -> Ending {
    let mut child = Service::at(programs!().attack)
        .args([runtime, name])
        .env("CROWD", crowd.to_string())
        .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
        .env("LIFECYCLE_DRAIN_TIMEOUT", "500ms")
        .env("RUST_BACKTRACE", "0")
        .start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    child.end_within(kill)
}

/// One test, so that they come one after the other.
#[test]
fn a_crowd_does_not_hold_the_process() {
    let figures = Figures::default();
    for (name, crowd, codes, said) in [
        ("crowd-sleeps", 10_000, &[0][..], None),
        ("crowd-sleeps-and-a-hook-blocks", 10_000, &[70], Some("blocks")),
        ("crowd-of-hooks-hangs", 20_000, &[70, 124], Some("one of many")),
        ("crowd-of-calls-hangs", 1_000_000, &[70], Some("calls")),
    ] {
        for runtime in ["current_thread", "2"] {
            let ending = in_time(|| run(name, crowd, runtime, DEADLINE + TEARING_DOWN));
            note(&figures, &format!("{name} on {runtime}"), &ending, codes);
            // The driver may have no turn beside so many; the guard knows no hooks.
            let is_by_guard = |line: &str| line.contains("exit 124 by the guard thread");
            if let Some(said) = said
                && !ending.lines(Stream::Stderr).any(is_by_guard)
            {
                ending.says(said);
            }
        }
    }
    println!("{figures}");
}

/// A limit, as the README says: how late it is, is up to the kernel's scheduler and to what else the
/// machine does.
#[test]
#[ignore = "2,000 threads that spin make the end late by seconds: run it alone, with --nocapture"]
fn a_crowd_that_spins_makes_it_late() {
    let figures = Figures::default();
    for (name, codes) in
        [("crowd-spins", &[0, 70, 124][..]), ("crowd-spins-and-a-hook-blocks", &[70, 124])]
    {
        for runtime in ["current_thread", "2"] {
            let ending = run(name, 2_000, runtime, DEADLINE + TURN);
            note(&figures, &format!("{name} on {runtime}"), &ending, codes);
        }
    }
    println!("{figures}");
}

fn note(figures: &Figures, what: &str, ending: &Ending, codes: &[i32]) {
    let gone = ending.since_first_signal();
    let Exit::Code(code) = ending.exit() else { ending.fail("was ended by a signal") };
    figures.note(what.to_owned(), code, gone);
    if !codes.contains(&code) {
        ending.fail(&format!("should end with one of {codes:?}"));
    }
}
