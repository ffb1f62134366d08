//! Thousands of threads, hooks and calls: each alone on the machine, as they take all of it.

use std::time::Duration;

use lifecycle_attack_tests::programs;
use lifecycle_deadline_tests::{DEADLINE, Figures, GRACE, in_time};
use lifecycle_process_tests::{Ending, Service, Signal};

/// What a crowd may cost beyond the deadline, where it cannot be had for less: said in the README.
const TEARING_DOWN: Duration = Duration::from_millis(700);

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
    let mut late = Vec::new();
    for (name, crowd, codes, said) in [
        ("crowd-spins", 2_000, &[0, 70, 124][..], None),
        ("crowd-spins-and-a-hook-blocks", 2_000, &[70, 124], None),
        ("crowd-sleeps", 10_000, &[0], None),
        ("crowd-sleeps-and-a-hook-blocks", 10_000, &[70], Some("blocks")),
        ("crowd-of-hooks-hangs", 20_000, &[70, 124], Some("one of many")),
        ("crowd-of-calls-hangs", 1_000_000, &[70], Some("calls")),
    ] {
        for runtime in ["current_thread", "2"] {
            let ending = in_time(|| run(name, crowd, runtime, GRACE * 4));
            let gone = ending.since_first_signal();
            let lifecycle_process_tests::Exit::Code(code) = ending.exit() else {
                ending.fail("was ended by a signal")
            };
            figures.note(format!("{name} on {runtime}"), code, gone);
            if !codes.contains(&code) {
                ending.fail(&format!("should end with one of {codes:?}"));
            }
            if let Some(said) = said {
                ending.says(said);
            }
            if gone > DEADLINE + TEARING_DOWN {
                late.push(format!("{name} on {runtime}: {gone:.2?}"));
            }
        }
    }
    println!("{figures}");
    assert!(late.is_empty(), "far too late: {late:#?}");
}
