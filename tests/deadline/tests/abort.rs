//! `panic = "abort"`: a panic is the end of the process, at once; everything else holds as ever.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use lifecycle_deadline_tests::{GRACE, in_time, is_late};
use lifecycle_process_tests::{Ending, Service, Signal};

/// The service, built in that profile beside the others.
fn built() -> PathBuf {
    let bin = Path::new(env!("CARGO_BIN_EXE_deadline-hold"));
    let target = bin.parent().and_then(Path::parent).expect("target/debug/bin").join("panic-abort");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--offline",
            "--quiet",
            "--package",
            "lifecycle-deadline-tests",
            "--bin",
            "deadline-hold",
        ])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_PROFILE_DEV_PANIC", "abort")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    target.join("debug/deadline-hold")
}

fn run(service: &Path, case: &str) -> Ending {
    let mut child = Service::at(service)
        .args(["2", case])
        .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
        .env("RUST_BACKTRACE", "0")
        .start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    child.end_within(GRACE)
}

#[test]
fn a_panic_ends_the_process_and_nothing_else_changes() {
    let service = built();
    for case in ["main-panics", "hook-panics"] {
        run(&service, case)
            .is_killed_by(Signal::ABORT)
            .says("no such luck")
            .never_says("lifecycle:");
    }
    for (case, hook) in [("hook-blocks", "blocks"), ("panic-hook-blocks", "panics")] {
        let ending = in_time(|| run(&service, case));
        let named =
            format!("hook `deadline_hold::hooks::{hook}` (tests/deadline/src/bin/hold/hooks.rs:");
        ending.exits(70).says(&named).says("did not end in time: exit 70");
        if is_late(&ending) {
            ending.fail("is far too late");
        }
    }
}
