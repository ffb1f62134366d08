//! Calls and signals without end: the stop goes on, Ctrl-C is heard, and each step is taken.

use std::{thread, time::Duration};

use lifecycle_attack_tests::{Row, hold_few, programs, row};
use lifecycle_deadline_tests::GRACE;
use lifecycle_process_tests::{Child, Service, Signal, all};

const FLOODS: &[Row] = &[
    flood("flood-of-shutdowns").codes(&[0, 143]),
    flood("flood-of-failures").codes(&[0, 1, 143]),
    flood("flood-of-ready"),
    flood("flood-of-holds"),
    flood("flood-of-calls"),
    flood("flood-of-hooks"),
    flood("flood-of-kept-hooks"),
    flood("flood-of-resources"),
    flood("flood-of-milestones"),
    flood("flood-of-events"),
    flood("flood-of-questions"),
    flood("flood-of-installs"),
    flood("flood-of-signals"),
];

const fn flood(name: &'static str) -> Row {
    row(name).on(&["current_thread", "2"]).times(2)
}

#[test]
fn a_flood_does_not_hold_up_a_stop() {
    hold_few(programs!(), FLOODS);
}

fn flooded(name: &str, runtime: &str) -> Child {
    let child = Service::at(programs!().attack)
        .args([runtime, name])
        .env("LASTS", "1")
        .env("LIFECYCLE_GRACE_PERIOD", "20s")
        .env("LIFECYCLE_DRAIN_TIMEOUT", "500ms")
        .env("RUST_BACKTRACE", "0")
        .start();
    child.wait_for("up");
    child
}

/// The stop, the next step, the last one: each is a key press.
#[test]
fn ctrl_c_climbs_through_a_flood() {
    const NAMES: [&str; 8] = [
        "flood-of-shutdowns",
        "flood-of-failures",
        "flood-of-ready",
        "flood-of-calls",
        "flood-of-hooks",
        "flood-of-events",
        "flood-of-questions",
        "flood-of-signals",
    ];
    let cases: Vec<_> =
        NAMES.iter().flat_map(|name| ["current_thread", "2"].map(|on| (*name, on))).collect();
    for pair in cases.chunks(2) {
        all(pair, |(name, runtime)| {
            let mut child = flooded(name, runtime);
            for _ in 0..3 {
                if !child.is_running() {
                    break;
                }
                // It may be heard a little late, and what comes 500 ms after that is the same press.
                child.signal(Signal::INT);
                thread::sleep(Duration::from_millis(900));
            }
            let ending = child.end_within(Duration::from_secs(5));
            ending.exits(130).ends_within(Duration::from_secs(1));
        });
    }
}

/// From outside, as fast as another process can.
#[test]
fn a_storm_of_signals_is_one_and_the_last_step_is_taken() {
    for runtime in ["current_thread", "2"] {
        let mut child = flooded("hook-blocks", runtime);
        for _ in 0..20_000 {
            child.signal(Signal::TERM);
        }
        child.wait_for("hook: blocks");
        child.next_signal(Signal::INT);
        child.next_signal(Signal::INT);
        child.end_within(GRACE * 2).exits(130);
    }
}

/// It interrupts whatever holds a lock. The docs say whether `shutdown` may be called there, and
/// what else is to be done.
const HANDLERS: &[Row] = &[
    row("handler-asks").signals(&[]).codes(&[0, 143]),
    row("handler-sends-a-signal").signals(&[]).codes(&[0, 143]),
];

#[test]
fn a_stop_is_asked_for_in_a_signal_handler() {
    hold_few(programs!(), HANDLERS);
}
