//! Services that own children, and how both end.

use std::{thread, time::Duration};

use lifecycle_children_tests::{cookie, left_after, with};
use lifecycle_process_tests::{Service, Signal, all};

fn owner(which: &str, cookie: &str) -> Service {
    Service::at(env!("CARGO_BIN_EXE_children-owner")).args([which, cookie])
}

/// A process that is killed is gone a little later; much later is a fault.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn an_owner_that_is_killed_leaves_nobody_behind() {
    let rounds: Vec<u64> = (0..200).collect();
    all(&rounds, |round| {
        let cookie = cookie(&format!("killed-{round}-"));
        let mut owner = owner("families", &cookie).start();
        // While they are started, and a while after.
        owner.wait_for("family 0");
        thread::sleep(Duration::from_micros(fastrand::Rng::with_seed(*round).u64(0..60_000)));
        owner.signal(Signal::KILL);
        let _ = owner.end();
        let left = left_after(&cookie, SOON);
        assert_eq!(left, [""; 0], "round {round}");
    });
}

#[test]
fn the_third_interrupt_leaves_no_child() {
    let cookie = cookie("third");
    let mut owner = owner("mule", &cookie).env("LIFECYCLE_GRACE_PERIOD", "30s").start();
    owner.wait_for("up");
    owner.wait_for("started");
    owner.signal(Signal::INT);
    owner.next_signal(Signal::INT);
    owner.next_signal(Signal::INT);
    let _ = owner.end_within(Duration::from_secs(10));
    assert_eq!(left_after(&cookie, SOON), [""; 0]);
}

#[test]
fn the_deadline_leaves_no_child() {
    let cookie = cookie("deadline");
    let mut owner = owner("held", &cookie).env("LIFECYCLE_GRACE_PERIOD", "1500ms").start();
    owner.wait_for("up");
    owner.signal(Signal::TERM);
    owner.end_within(Duration::from_millis(1500)).says("did not end in time");
    assert_eq!(left_after(&cookie, SOON), [""; 0]);
}

#[test]
fn who_does_not_go_is_killed_in_what_is_left_and_the_stop_is_unclean() {
    let cookie = cookie("mule");
    let mut owner = owner("mule", &cookie).env("LIFECYCLE_GRACE_PERIOD", "4s").start();
    owner.wait_for("started");
    owner.wait_for("up");
    owner.signal(Signal::TERM);
    let ending = owner.end_within(Duration::from_secs(4));
    ending.exits(70).says("`mule`").says("did not end by SIGTERM in").says("sh (");
    assert_eq!(left_after(&cookie, SOON), [""; 0]);
}

#[test]
fn a_daemon_that_a_child_leaves_behind_is_killed_and_named() {
    let cookie = cookie("leaves");
    let mut owner = owner("leaves", &cookie).start();
    owner.wait_for("started");
    owner.wait_for("up");
    owner.signal(Signal::TERM);
    let ending = owner.end();
    ending.exits(70).says("left processes behind: killed");
    assert_eq!(left_after(&cookie, SOON), [""; 0]);
}

#[test]
fn no_child_is_started_once_the_stop_has_begun() {
    let mut owner = owner("late", "nobody").start();
    owner.wait_for("up");
    owner.signal(Signal::TERM);
    owner.end().exits(0).says("`too-late` is not started: the service is shutting down");
}

#[test]
fn who_ends_by_himself_is_started_again_until_the_stop() {
    let cookie = cookie("restarts");
    let mut owner = owner("restarts", &cookie).start();
    owner.wait_for("up");
    owner.wait_for_nth("began", 3);
    owner.signal(Signal::TERM);
    let _ = owner.end();
    assert_eq!(with(&cookie, true), [0; 0]);
}

#[test]
fn a_hundred_children_stop_in_their_order_and_side_by_side() {
    let cookie = cookie("graph");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    let mut owner = owner("graph", &cookie)
        .env("LIFECYCLE_REPORT", path.display().to_string())
        .env("LIFECYCLE_GRACE_PERIOD", "30s")
        .start();
    owner.wait_for_nth("ready", 100);
    owner.wait_for("up");
    owner.signal(Signal::TERM);
    // Twenty had to be killed.
    owner.end_within(Duration::from_secs(30)).exits(70);
    assert_eq!(left_after(&cookie, SOON), [""; 0]);
    let report = std::fs::read_to_string(&path).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let hooks = report["hooks"].as_array().expect("hooks");
    let of = |name: &str| {
        let hook = hooks.iter().find(|hook| hook["name"] == name).expect("a hook");
        let started = hook["started_seconds"].as_f64().expect("it started");
        (started, started + hook["took_seconds"].as_f64().expect("a time"))
    };
    let mut critical: f64 = 0.0;
    for at in 0..20 {
        let mut chain = 0.0;
        for row in 0..5 {
            let (started, ended) = of(&format!("child-{row}-{at}"));
            chain += ended - started;
            if row > 0 {
                let (_, before) = of(&format!("child-{}-{at}", row - 1));
                assert!(started >= before - 0.002, "{row} {at}: {started} {before}");
            }
        }
        critical = critical.max(chain);
    }
    let total = report["total_seconds"].as_f64().expect("a time");
    println!("critical path {critical:.3} s, total {total:.3} s");
    assert!(total <= critical + 0.5, "total {total}, critical path {critical}");
    let notes = report["notes"].as_array().expect("notes");
    assert_eq!(notes.len(), 100);
    let text = |name: &str| {
        let note = notes.iter().find(|note| note["about"] == name).expect("a note");
        note["text"].as_str().expect("a text").to_owned()
    };
    let (clean, killed) = (text("child-4-1"), text("child-4-0"));
    assert!(clean.contains("ended by exit code 0 after SIGTERM"), "{clean}");
    assert!(clean.ends_with("its last lines: ready / asked"), "{clean}");
    assert!(killed.contains("ended by SIGKILL after SIGTERM"), "{killed}");
    assert!(
        killed.contains("killed: children-owner (") && killed.contains("held by a keeper"),
        "{killed}"
    );
}
