//! A child has the handlers of its parent and none of its threads: its signals are its own. A
//! process that became another one by forking is a service like any.

use std::{thread, time::Duration};

use lifecycle_attack_tests::{os, programs};
use lifecycle_deadline_tests::GRACE;
use lifecycle_process_tests::{Child, Service, Signal, all};

const RUNTIMES: [&str; 4] = ["current_thread", "1", "2", "4"];

fn service(args: &[&str]) -> Service {
    Service::at(programs!().attack)
        .args(args)
        .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
        .env("RUST_BACKTRACE", "0")
}

/// The process id at the end of a line that begins with this word.
fn named(child: &Child, word: &str) -> i32 {
    let line = child.wait_for(&format!("{word} "));
    let number = line.trim().rsplit(' ').next().expect("a process id");
    number.trim_start_matches('0').parse().expect("a process id")
}

/// The child ends by its signal, the parent does not stop; then the parent does.
fn child_alone_ends(name: &str, runtime: &str, signal: Signal) {
    let mut parent = service(&[runtime, name]).start();
    parent.wait_for("up");
    let child = named(&parent, "child");
    os::kill(child, signal.as_raw());
    parent.wait_for(&format!("child ended: signal {}", signal.as_raw()));
    thread::sleep(Duration::from_millis(150));
    assert!(parent.is_running(), "{name} on {runtime}: the parent stopped as well");
    parent.signal(Signal::TERM);
    let ending = parent.end_within(GRACE);
    ending.exits(0).says("hook: note");
    if ending.at("hook: note") < ending.at("child ended") {
        ending.fail("stopped for its child's signal");
    }
}

#[test]
fn a_childs_signal_is_the_childs() {
    let cases: Vec<_> = ["forks", "vforks", "spawns"]
        .iter()
        .flat_map(|name| RUNTIMES.map(|runtime| (*name, runtime)))
        .flat_map(|case| [Signal::TERM, Signal::INT, Signal::HUP].map(|signal| (case, signal)))
        .flat_map(|case| [case; 5])
        .collect();
    all(&cases, |((name, runtime), signal)| child_alone_ends(name, runtime, *signal));
}

#[test]
fn a_child_that_asks_for_a_stop_stops_nobody_and_does_not_hang() {
    let cases: Vec<_> = RUNTIMES.iter().flat_map(|runtime| [*runtime; 5]).collect();
    all(&cases, |runtime| child_alone_ends("forks-and-asks", runtime, Signal::TERM));
}

#[test]
fn a_child_that_runs_is_told_that_its_process_is_another() {
    let cases: Vec<_> = RUNTIMES.iter().flat_map(|runtime| [*runtime; 5]).collect();
    all(&cases, |runtime| {
        let mut parent = service(&[runtime, "forks-and-runs"]).start();
        parent.wait_for("up");
        parent.wait_for("child ended: code 78");
        thread::sleep(Duration::from_millis(100));
        parent.signal(Signal::TERM);
        parent.end_within(GRACE).exits(0).says("hook: note");
    });
}

/// The parent of a child between `vfork` and `exec` has its memory; signals come all the while.
#[test]
fn children_that_are_hit_around_their_exec_stop_nobody() {
    all(&RUNTIMES, |runtime| {
        let mut parent = service(&[runtime, "spawns-and-kills"]).start();
        parent.wait_for("up");
        parent.wait_for("spawned");
        assert!(parent.is_running());
        parent.signal(Signal::TERM);
        let ending = parent.end_within(GRACE);
        ending.exits(0).says("hook: note");
        if ending.at("hook: note") < ending.at("spawned") {
            ending.fail("stopped for a child's signal");
        }
    });
}

const DAEMONS: [(&str, i32, &str); 6] = [
    ("daemonizes-before-install", 0, "hook: note"),
    ("daemonizes-before-run", 0, "hook: note"),
    ("daemonizes-after-install", 0, "hook: note"),
    ("daemonizes-between-installs", 0, "hook: note"),
    ("daemonizes-after-install-and-closes", 0, "hook: note"),
    ("daemonizes-after-install-and-is-held", 70, "hook: blocks"),
];

#[test]
fn a_daemon_hears_its_signals_and_keeps_its_deadline() {
    let cases: Vec<_> = DAEMONS
        .iter()
        .flat_map(|daemon| RUNTIMES.map(|runtime| (daemon, runtime)))
        .zip([Signal::TERM, Signal::INT].into_iter().cycle())
        .flat_map(|case| [case; 5])
        .collect();
    all(&cases, |(((name, code, ran), runtime), signal)| {
        // Who waits for descendants whose parents are gone.
        let waits = Service::at(programs!().parent)
            .args(["reap=all", "--", programs!().attack, runtime, name])
            .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
            .start();
        let daemon = named(&waits, "daemon");
        waits.wait_for("up");
        os::kill(daemon, signal.as_raw());
        // The platform kills what is still there.
        let killer = thread::spawn(move || {
            thread::sleep(GRACE);
            os::try_kill(daemon, 9)
        });
        waits.end().exits(*code).says(ran);
        drop(killer);
    });
}
