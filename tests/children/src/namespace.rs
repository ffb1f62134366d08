//! PID namespaces that belong to a test, in which numbers can be forced.

use std::{
    env, fs,
    process::{Child, Command},
};

use crate::lacks;

/// What starts a program as process 1 of a namespace of its own, which ends with it.
pub const UNSHARE: [&str; 5] = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"];

/// Whether a PID namespace can be had; where it cannot, that is said.
#[must_use]
pub fn is_possible() -> bool {
    let tried = Command::new(UNSHARE[0]).args(&UNSHARE[1..]).arg("true").output();
    let is_possible = tried.is_ok_and(|output| output.status.success());
    if !is_possible {
        lacks("a PID namespace (unshare --pid --mount-proc), which needs root");
    }
    is_possible
}

/// The process 1 that `unshare` has started, by the number that it has here.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn process_1(unshare: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children"));
    children.expect("its children").trim().parse().expect("one child")
}

/// Whether this is process 1 of a namespace of its own. Where it is not, `test` has been run in one
/// when this returns, or it was said why it was not.
///
/// # Panics
///
/// When it has failed there.
#[must_use]
pub fn is_inside(test: &str) -> bool {
    if std::process::id() == 1 {
        return true;
    }
    if is_possible() {
        let this = env::current_exe().expect("this program");
        let mut command = Command::new(UNSHARE[0]);
        command.args(&UNSHARE[1..]).arg(this).args(["--exact", test, "--nocapture"]);
        let output = command.output().expect("unshare");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success() && said.contains("1 passed"), "inside: {said}");
    }
    false
}

/// Starts `command` as the process of this number, which nobody has any more. Only inside: nobody
/// else starts processes there.
///
/// # Panics
///
/// When it does not get the number.
#[must_use]
pub fn start_as(pid: u32, command: &mut Command) -> Child {
    for _ in 0..100 {
        fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).expect("a number");
        let mut child = command.spawn().expect("a process");
        if child.id() == pid {
            return child;
        }
        // A thread was faster, or its last holder is not waited for yet.
        let _ = (child.kill(), child.wait());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("nobody can be process {pid}");
}
