//! Thousands of threads, hooks and calls: each alone on the machine, as they take all of it.

use std::time::Duration;

use lifecycle_attack_tests::programs;
use lifecycle_deadline_tests::{DEADLINE, Figures, GRACE, in_time};
use lifecycle_process_tests::{Ending, Service, Signal};

/// What the kernel takes to end 10,000 threads.
const TEARING_DOWN: Duration = Duration::from_millis(700);

/// The handler of a signal runs on main's thread where that does not block it, and that has its
/// turn after 2,000 that spin: so long before the library hears of it at all.
const TURN: Duration = Duration::from_secs(7);

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
    for (name, crowd, codes, said, beyond) in [
        ("crowd-spins", 2_000, &[0, 70, 124][..], None, TURN),
        ("crowd-spins-and-a-hook-blocks", 2_000, &[70, 124], None, TURN),
        ("crowd-sleeps", 10_000, &[0], None, TEARING_DOWN),
        ("crowd-sleeps-and-a-hook-blocks", 10_000, &[70], Some("blocks"), TEARING_DOWN),
        ("crowd-of-hooks-hangs", 20_000, &[70, 124], Some("one of many"), TEARING_DOWN),
        ("crowd-of-calls-hangs", 1_000_000, &[70], Some("calls"), TEARING_DOWN),
    ] {
        for runtime in ["current_thread", "2"] {
            let kill = DEADLINE + beyond;
            let ending = if beyond == TURN {
                run(name, crowd, runtime, kill)
            } else {
                in_time(|| run(name, crowd, runtime, kill))
            };
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
        }
    }
    println!("{figures}");
}
