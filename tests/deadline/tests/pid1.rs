//! A service as PID 1 of its namespace, and under a shell that is.

use std::{fs, thread, time::Duration};

use lifecycle_deadline_tests::{can, succeeds};
use lifecycle_process_tests::{Child, Service, Signal, all};
use rustix::process::{Pid, kill_process};

/// On CI, where it has to be possible, nothing is passed over.
fn namespaces() -> bool {
    let possible = succeeds("unshare --fork --pid --mount-proc true");
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(possible || !is_ci, "unshare --fork --pid --mount-proc is not possible here");
    can("a process as PID 1 (unshare --fork --pid --mount-proc)", possible)
}

/// As PID 1: this program, or a shell that runs it.
fn pid_1<'a>(args: impl IntoIterator<Item = &'a str>) -> Service {
    Service::at("/usr/bin/unshare")
        .args(["--fork", "--pid", "--mount-proc", "--kill-child"])
        .args(args)
        .env("LIFECYCLE_GRACE_PERIOD", "5s")
        .env("LOG", "1")
}

const SERVICE: &str = env!("CARGO_BIN_EXE_deadline-hold");

/// `unshare` itself ignores the signals that its child gets.
fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).expect("a process id"), signal).expect("it can be signalled");
}

/// The only child of a process.
fn child_of(pid: i32) -> i32 {
    for _ in 0..1_000 {
        let children =
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        if let Some(child) = children.split_whitespace().next() {
            return child.parse().expect("a process id");
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("process {pid} has no child");
}

fn inside(child: &Child) -> i32 {
    child_of(child.pid().try_into().expect("a process id"))
}

#[test]
fn signals_reach_it() {
    if !namespaces() {
        return;
    }
    let cases =
        [("current_thread", Signal::TERM), ("current_thread", Signal::INT), ("2", Signal::TERM)];
    all(&cases, |(runtime, number)| {
        let child = pid_1([SERVICE, runtime, "hook-obedient"]).start();
        child.wait_for("up");
        signal(inside(&child), *number);
        child.end().exits(0).says("hook: note").never_says("PID 1 is");
    });
}

/// The kernel drops what PID 1 has no handler for: it is heard because it is handled from `install`
/// on.
#[test]
fn a_signal_before_run_reaches_it() {
    if !namespaces() {
        return;
    }
    all(&[Signal::TERM, Signal::INT], |number| {
        let mut child = pid_1([SERVICE, "2", "installed"]).start();
        child.wait_for("installed");
        signal(inside(&child), *number);
        child.tell("go");
        child.end().exits(0).says("hook: note").never_says("up");
    });
}

#[test]
fn the_deadline_holds_there() {
    if !namespaces() {
        return;
    }
    let child = pid_1([SERVICE, "current_thread", "hook-blocks"]).start();
    child.wait_for("up");
    signal(inside(&child), Signal::TERM);
    child.end_within(Duration::from_secs(5)).exits(70).says("hooks::blocks");
}

#[test]
fn a_shell_that_does_not_exec_is_warned_of() {
    if !namespaces() {
        return;
    }
    // The shell has something left to do, so it stays.
    let script = "\"$0\" \"$@\"; exit $?";
    let child = pid_1(["/bin/sh", "-c", script, SERVICE, "2", "hook-obedient"]).start();
    child.wait_for("up");
    let warning = child.wait_for("PID 1 is `sh` and this process its child");
    assert!(warning.contains("WARN") && warning.contains("exec"), "{warning}");
    signal(child_of(inside(&child)), Signal::TERM);
    child.end().exits(0).says("hook: note");
}

#[test]
fn a_shell_that_execs_is_not() {
    if !namespaces() {
        return;
    }
    let child =
        pid_1(["/bin/sh", "-c", "exec \"$0\" \"$@\"", SERVICE, "2", "hook-obedient"]).start();
    child.wait_for("up");
    child.wait_for("grace period");
    signal(inside(&child), Signal::TERM);
    child.end().exits(0).says("hook: note").never_says("PID 1 is");
}
