//! What the tests of this package share: the platform's numbers, what counts as late, and the table
//! of what was measured.

mod figures;

use std::{path::Path, thread, time::Duration};

use lifecycle_process_tests::{Ending, Exit};

pub use figures::Figures;

/// What the platform grants: the tests kill what is still there when it is over.
pub const GRACE: Duration = Duration::from_millis(2_500);

/// When the library has promised to be gone, `G − M`.
pub const DEADLINE: Duration = Duration::from_millis(2_250);

/// What a busy machine may add. The goal is 50 ms; what it took is in the table.
pub const TOLERANCE: Duration = Duration::from_millis(200);

/// How often a process that was late is run again. A machine that does much else may have been what
/// was late; a library that is late will be again.
const RETRIES: usize = 3;

/// Whether it was gone too late, or not before the platform killed it.
#[must_use]
pub fn is_late(ending: &Ending) -> bool {
    ending.exit() == Exit::Code(137) || ending.since_first_signal() > DEADLINE + TOLERANCE
}

/// How it ended, where it ended in time, and after a few attempts in any case.
#[must_use]
pub fn in_time(run: impl Fn() -> Ending) -> Ending {
    for _ in 0..RETRIES {
        let ending = run();
        if !is_late(&ending) {
            return ending;
        }
        println!("late: {ending}");
    }
    run()
}

/// Waits for a file to come.
///
/// # Panics
///
/// When it does not come.
pub fn wait_for_file(path: &Path) {
    for _ in 0..3_000 {
        if path.exists() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{} does not come", path.display());
}

/// Whether a test can be run here; where it cannot, that is said in one line.
#[must_use]
pub fn can(what: &str, possible: bool) -> bool {
    if !possible {
        eprintln!("passed over, as this machine does not allow it: {what}");
    }
    possible
}

/// Whether this command succeeds.
#[must_use]
pub fn succeeds(command: &str) -> bool {
    let done = std::process::Command::new("/bin/sh").arg("-c").arg(command).output();
    done.is_ok_and(|output| output.status.success())
}

/// Whether a line says how long something took: a number and a unit of time.
#[must_use]
pub fn has_elapsed(line: &str) -> bool {
    line.split([' ', ',', ';', ':']).any(|word| {
        let number = word.trim_end_matches(|char: char| char.is_alphabetic());
        let unit = &word[number.len()..];
        matches!(unit, "s" | "ms" | "µs") && number.parse::<f64>().is_ok()
    })
}
