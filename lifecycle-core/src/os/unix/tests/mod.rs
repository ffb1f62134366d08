//! Each in a process of its own, which is this test program called for one test: what is tested
//! here ends processes, changes signals, limits and descriptors.

#![allow(unsafe_code, reason = "signals, limits and forks have no safe face in std")]

mod guard;
mod signals;
mod stderr;

use std::{
    any::type_name_of_val,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

const VARIABLE: &str = "LIFECYCLE_OS_TEST";

/// Whether this is the process of a test's body: what stands before it runs in both.
fn is_within() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// What became of `body` in a process of its own, which ends with 0 when it returns.
fn in_process(body: fn(), test: &str) -> Output {
    in_process_with(body, test, |command| command.stderr(Stdio::piped()))
}

fn in_process_with(
    body: fn(),
    test: &str,
    set: impl FnOnce(&mut Command) -> &mut Command,
) -> Output {
    command(body, test, set).output().expect("this program can be started")
}

fn command(body: fn(), test: &str, set: impl FnOnce(&mut Command) -> &mut Command) -> Command {
    let test = test.strip_prefix("lifecycle_core::").expect("a test of this crate");
    let test = test.trim_end_matches("::{{closure}}");
    if std::env::var(VARIABLE).is_ok_and(|is_run| is_run == test) {
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(20));
            super::exit_now(99);
        });
        body();
        super::exit_now(0);
    }
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(VARIABLE, test)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    set(&mut command);
    command
}

/// The name of the test that calls.
macro_rules! this_test {
    () => {
        $crate::os::unix::tests::name_of(&|| ())
    };
}
use this_test;

fn name_of<T>(within: &T) -> &'static str {
    type_name_of_val(within)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
