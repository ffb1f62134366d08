//! A last word before the process is ended, and 100 ms for it.

use std::time::Duration;

use lifecycle_attack_tests::{Row, hold, programs, row};
use lifecycle_process_tests::{Service, Signal, all};

const FORCED: &[Row] = &[
    forced("forced-says").ran(WORD),
    forced("forced-parks").ran(WORD),
    forced("forced-panics").ran(WORD),
    forced("forced-spins").ran(WORD).on(&["current_thread", "2"]).times(2),
    forced("forced-asks-back").ran(WORD),
    forced("forced-is-late").ran(WORD),
    forced("forced-two").ran(&["first", "second"]),
    row("not-forced").never(WORD),
];

const WORD: &[&str] = &["last word"];

/// With 100 ms before the deadline of the others, which it has beyond its own.
const EARLIER: &[(&str, &str)] = &[("LIFECYCLE_GRACE_PERIOD", "2400ms")];

const fn forced(name: &'static str) -> Row {
    row(name).env(EARLIER).held().codes(&[70, 124])
}

#[test]
fn a_last_word_is_said_and_holds_up_nothing() {
    hold(programs!(), FORCED);
}

/// By the last step: it has 100 ms, whatever it does.
#[test]
fn the_last_step_waits_for_it_100_ms() {
    let names = ["forced-says", "forced-parks", "forced-panics", "forced-is-late"];
    let cases: Vec<_> = names
        .iter()
        .flat_map(|name| ["current_thread", "1", "2", "4"].map(|runtime| (*name, runtime)))
        .flat_map(|case| [case; 5])
        .collect();
    all(&cases, |(name, runtime)| {
        let mut child = Service::at(programs!().attack)
            .args([runtime, name])
            .env("LIFECYCLE_GRACE_PERIOD", "20s")
            .env("LIFECYCLE_HOOK_TIMEOUT__BLOCKS", "10s")
            .env("RUST_BACKTRACE", "0")
            .start();
        child.wait_for("up");
        child.signal(Signal::INT);
        child.wait_for("hook: ");
        child.next_signal(Signal::INT);
        child.next_signal(Signal::INT);
        let ending = child.end_within(Duration::from_secs(10));
        ending.exits(130).says("last word").ends_within(Duration::from_millis(300));
    });
}
