//! The deadline counts on a clock that goes on while the machine sleeps (`CLOCK_BOOTTIME`), and
//! that nobody sets. A library loaded before the C library makes clocks jump for one process.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lifecycle_deadline_tests::{DEADLINE, GRACE, can, in_time, succeeds};
use lifecycle_process_tests::{Ending, Exit, Signal, all, service};

const REALTIME: &str = "0";
const BOOTTIME: &str = "7";
const HOUR: i64 = 3_600;

/// The library that makes clocks jump, where it can be built.
fn jumper(directory: &Path) -> Option<PathBuf> {
    let library = directory.join("jump.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clock/jump.c");
    let command = format!("cc -shared -fPIC -o {} {source}", library.display());
    let built = cfg!(all(target_os = "linux", target_env = "gnu")) && succeeds(&command);
    can("a clock that jumps (cc, and the C library loaded at run time)", built).then_some(library)
}

/// A blocked service, whose `clock` jumps half a second after the signal.
fn run(jumper: &Path, clock: &str, jump: i64, directory: &Path) -> Ending {
    let jumped = directory.join("jumped");
    let _ = std::fs::remove_file(&jumped);
    let mut child = service!(bin "deadline-hold", "2", "hook-blocks")
        .env("LD_PRELOAD", jumper)
        .env("CLOCK", clock)
        .env("JUMP", jump.to_string())
        .env("JUMPED", &jumped)
        .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
        .env("LIFECYCLE_REPORT", directory.join("{time}.txt"))
        .start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    thread::sleep(Duration::from_millis(500));
    std::fs::write(jumped, "").expect("a file");
    child.end_within(GRACE)
}

#[test]
fn setting_the_wall_clock_does_not_move_the_deadline() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(jumper) = jumper(directory.path()) else { return };
    all(&[HOUR, -HOUR], |jump| {
        let directory = tempfile::tempdir().expect("a directory");
        let ending = in_time(|| run(&jumper, REALTIME, *jump, directory.path()));
        ending.exits(70);
        if ending.since_first_signal() < DEADLINE - Duration::from_millis(50) {
            ending.fail("should have had the whole of its time");
        }
        // The name of its report shows the clock that it saw.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("later than 1970").as_secs();
        let seen = now.saturating_add_signed(*jump);
        let named = |time: u64| directory.path().join(format!("{time}.txt")).exists();
        if !(seen.saturating_sub(30)..=seen).any(named) {
            ending.fail("should have seen a clock that jumped");
        }
    });
}

/// While a machine sleeps, the platform's grace period goes on: who wakes up after it is too late,
/// and goes.
#[test]
fn a_suspend_does_not_extend_the_grace_period() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(jumper) = jumper(directory.path()) else { return };
    let late = |ending: &Ending| ending.since_first_signal() > Duration::from_millis(1_400);
    let run = || run(&jumper, BOOTTIME, HOUR, directory.path());
    let ending = (0..2).map(|_| run()).find(|ending| !late(ending)).unwrap_or_else(run);
    assert_eq!(ending.exit(), Exit::Code(124), "{ending}");
    ending.says("hook `deadline_hold::hooks::blocks`").says("has been running for 360");
    if late(&ending) {
        ending.fail("should have gone when it woke up");
    }
}
