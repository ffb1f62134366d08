//! A half-done job is no success.

use std::{fs, process::Command, thread, time::Duration};

use lifecycle_process_tests::{Ending, Service, Signal, service};
use rustix::process::{Pid, kill_process};

const CTRL_C: u8 = 3;

fn stopped(service: Service, signal: Signal) -> Ending {
    let mut child = service.start();
    child.wait_for("up");
    // Into a row.
    thread::sleep(Duration::from_millis(100));
    child.signal(signal);
    child.end()
}

#[test]
fn a_job_that_stopped_half_way_ends_by_the_signal_itself() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        for form in ["loop", "break"] {
            stopped(service!(bin "truth-job", form), signal).is_killed_by(signal);
        }
    }
}

/// The signal is the last act: destructors have run and what was printed is there.
#[test]
fn what_a_job_holds_and_prints_is_not_lost_with_the_signal() {
    let ending = stopped(service!(bin "truth-job", "loop"), Signal::INT);
    ending.is_killed_by(Signal::INT).says("checkpoint saved").says("last words and more");
    ending.says("scratch removed");
}

/// A shell that looks at how its job ended stops its own loop.
#[test]
fn ctrl_c_ends_the_loop_of_the_shell_around_a_job() {
    let job = env!("CARGO_BIN_EXE_truth-job");
    let script = format!("for i in 1 2 3; do {job} loop; echo \"next\"; done; echo \"all done\"");
    let shell = Service::at("/bin/bash").args(["-c", &script]);
    let mut child = shell.quiet().on_terminal().start();
    child.wait_for("up");
    child.press(CTRL_C);
    child.end().is_killed_by(Signal::INT).says_times("up", 1).never_says("all done");
}

/// The kernel spares PID 1 what ends others: 50 ms later it ends by a code.
#[test]
fn as_pid_1_a_job_ends_by_a_code() {
    let unshare = ["--fork", "--pid", "--mount-proc", "--kill-child"];
    let possible = Command::new("unshare").args(unshare).arg("true").status();
    let possible = possible.is_ok_and(|status| status.success());
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(possible || !is_ci, "unshare --fork --pid --mount-proc is not possible here");
    if !possible {
        eprintln!("passed over, as this machine allows no process to be PID 1");
        return;
    }
    let job = [env!("CARGO_BIN_EXE_truth-job"), "loop"];
    let child = Service::at("/usr/bin/unshare").args(unshare).args(job).start();
    child.wait_for("up");
    let pid = child.pid();
    let inside = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let inside = Pid::from_raw(inside.trim().parse().unwrap()).unwrap();
    kill_process(inside, Signal::TERM).unwrap();
    child.end().exits(143).says("last words and more");
}

#[test]
fn under_run_a_stopped_job_ends_by_a_code() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        stopped(service!(bin "truth-rows", "job"), signal).exits(code);
    }
}

#[test]
fn a_job_that_asked_for_its_own_stop_ends_with_75() {
    service!(bin "truth-rows", "job", "ask").run().exits(75);
    service!(bin "truth-job", "loop", "ask").run().exits(75);
}

#[test]
fn a_job_that_never_looked_and_returned_is_complete() {
    stopped(service!(bin "truth-job", "whole"), Signal::TERM).exits(0).says("scratch removed");
}

#[test]
fn a_job_that_only_says_how_it_is_used_is_complete() {
    service!(bin "truth-job", "--help").run().exits(0).says("imports rows").never_says("saved");
}

#[test]
fn a_job_may_say_that_it_is_complete_all_the_same() {
    stopped(service!(bin "truth-job", "loop", "completed"), Signal::INT).exits(0);
    stopped(service!(bin "truth-rows", "job", "completed"), Signal::TERM).exits(0);
}

#[test]
fn main_may_return_a_code_of_its_own() {
    service!(bin "truth-rows", "exit-code").run().exits(3);
    service!(bin "truth-rows", "maybe-exit-code").run().exits(4);
    service!(bin "truth-rows", "maybe-exit-code", "fails").run().exits(1);
}
