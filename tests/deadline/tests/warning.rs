//! Whoever holds a thread for more than a second during a stop is named while it happens.

use std::time::Duration;

use lifecycle_process_tests::{Signal, all, service};

/// The case, the runtime, and the line.
type Case = (&'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    ("hook-blocks", "current_thread", BLOCKS),
    ("hook-blocks", "4", BLOCKS),
    (
        "hook-spins",
        "2",
        "hook `deadline_hold::hooks::spins` (tests/deadline/src/bin/hold/hooks.rs:",
    ),
    ("main-blocks-after", "current_thread", "main has been blocking its thread for"),
    ("main-blocks-after", "2", "main has been blocking its thread for"),
    ("tasks-block", "current_thread", "the runtime has run no task for"),
    ("tasks-block", "1", "the runtime has run no task for"),
    ("tasks-block-twice", "4", "the runtime has run no task for"),
];

const BLOCKS: &str = "hook `deadline_hold::hooks::blocks` (tests/deadline/src/bin/hold/hooks.rs:";

#[test]
fn it_comes_while_it_happens() {
    all(CASES, |(case, runtime, line)| {
        let service = service!(bin "deadline-hold", runtime, case);
        let service =
            service.env("LIFECYCLE_GRACE_PERIOD", "6s").env("LIFECYCLE_HOOK_TIMEOUT__NOTE", "5s");
        let mut child =
            service.env("LIFECYCLE_HOOK_TIMEOUT__BLOCKS", "5s").env("RUST_BACKTRACE", "0").start();
        child.wait_for("up");
        child.signal(Signal::TERM);
        let ending = child.end_within(Duration::from_secs(6));
        let signalled = ending.elapsed() - ending.since_first_signal();
        let warned = ending.at(line).saturating_sub(signalled);
        if warned < Duration::from_secs(1) {
            ending.fail("complains of less than a second");
        }
        // It is felt every 250 ms; the rest is for a busy machine.
        if warned > Duration::from_millis(2_500) {
            ending.fail("complains too late");
        }
    });
}

#[test]
fn nobody_is_named_who_yields() {
    all(&["current_thread", "2"], |runtime| {
        let service = service!(bin "deadline-hold", runtime, "main-ignores");
        let mut child = service
            .env("LIFECYCLE_GRACE_PERIOD", "6s")
            .env("LIFECYCLE_DRAIN_TIMEOUT", "2s")
            .start();
        child.wait_for("up");
        child.signal(Signal::TERM);
        child
            .end()
            .exits(70)
            .never_says("has been blocking its thread")
            .never_says("has run no task");
    });
}
