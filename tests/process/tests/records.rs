//! What a stop leaves in files: the report, and on Kubernetes the termination message.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

use lifecycle::{Outcome, Report};
use lifecycle_process_tests::{Ending, Service, Signal, service};

fn defaults(dir: &Path) -> Service {
    service!(bin "process-defaults").env("TOUCH", dir.join("touched"))
}

/// Runs it to its end by SIGTERM.
fn stop(service: Service) -> Ending {
    let mut child = service.start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    child.end()
}

#[test]
fn the_report_is_written_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("{pid}-{time}.txt");
    let ending = stop(defaults(dir.path()).env("LIFECYCLE_REPORT", &path));
    ending.exits(0);
    let written: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some())
        .collect();
    let [report] = written.as_slice() else { panic!("{written:?} {ending}") };
    let name = report.file_stem().unwrap().to_str().unwrap();
    let (pid, time) = name.split_once('-').unwrap();
    assert!(pid.parse::<u32>().is_ok() && time.parse::<u64>().unwrap() > 1_700_000_000, "{name}");
    assert_eq!(fs::metadata(report).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(report).unwrap();
    assert!(
        text.contains("clean, exit code 0") && text.contains("process_defaults::tidy"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_report_that_cannot_be_written_changes_no_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("missing/report.txt");
    let ending = stop(defaults(dir.path()).env("LIFECYCLE_REPORT", &path));
    ending.exits(0).says(&format!("the report could not be written to {}", path.display()));
    ending.says("hook: close");
}

/// A path that is relative begins where the process started.
#[test]
fn a_hook_that_changes_the_directory_does_not_move_the_report() {
    let [started, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let service = Service::at("/bin/sh")
        .args(["-c", "cd \"$1\" && exec \"$0\"", env!("CARGO_BIN_EXE_process-defaults")])
        .arg(started.path())
        .env("TOUCH", started.path().join("touched"))
        .env("GO_TO", elsewhere.path())
        .env("LIFECYCLE_REPORT", "report.txt");
    stop(service).exits(0);
    assert!(started.path().join("report.txt").exists());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

/// Another program reads what this one did.
#[test]
fn a_json_report_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.json");
    let mut child = service!("busy", "endless")
        .env("LIFECYCLE_REPORT", &path)
        .env("LIFECYCLE_HOOK_TIMEOUT__ENDLESS", "300ms")
        .start();
    child.wait_for("call began");
    child.signal(Signal::TERM);
    child.wait_for("SIGTERM");
    std::thread::sleep(Duration::from_millis(600));
    child.signal(Signal::INT);
    let ending = child.end();
    ending.exits(70);
    let report = Report::from_json(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(report.exit_code(), 70, "{report}");
    assert!(
        !report.is_clean() && report.reason().to_string().starts_with("SIGTERM from pid "),
        "{report}"
    );
    let signals: Vec<_> = report.signals().iter().map(|heard| heard.signal().to_string()).collect();
    assert_eq!(signals, ["SIGTERM", "SIGINT"], "{report}");
    assert!(report.signals()[1].at() >= Duration::from_millis(500), "{report}");
    assert_eq!(report.drain().abandoned(), 1, "{report}");
    assert_eq!(report.drain().in_flight().first().map(|point| point.1), Some(1), "{report}");
    let endless = report.hooks().iter().find(|hook| hook.name().ends_with("::endless")).unwrap();
    assert_eq!((endless.outcome(), endless.slack()), (&Outcome::TimedOut, Some(Duration::ZERO)));
    assert!(endless.location().file().ends_with("src/bin/app/hooks.rs"), "{report}");
    assert_eq!(report.critical_chain().last().map(|hook| hook.name()), Some(endless.name()));
}

#[test]
fn the_end_of_the_path_says_how_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let formats = [
        ("txt", "shutdown "),
        ("json", "{\n  \"format\""),
        ("svg", "<svg "),
        ("html", "<!DOCTYPE html>"),
    ];
    for (format, begins) in formats {
        let path = dir.path().join("report.").with_extension(format);
        stop(defaults(dir.path()).env("LIFECYCLE_REPORT", &path)).exits(0);
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.to_lowercase().starts_with(&begins.to_lowercase()),
            "{format}: {}",
            &text[..80]
        );
        assert!(text.contains("process_defaults::tidy"), "{format}: {text}");
    }
}

/// What comes at once leaves a report all the same.
#[test]
fn the_last_rung_leaves_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.json");
    let mut child = service!("busy", "endless").env("LIFECYCLE_REPORT", &path).start();
    child.wait_for("call began");
    for _ in 0..3 {
        child.signal(Signal::INT);
        std::thread::sleep(Duration::from_millis(600));
    }
    child.end().exits(130);
    let report = Report::from_json(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!((report.exit_code(), report.signals().len()), (130, 3), "{report}");
}

/// The service in a mount namespace of its own, whose `/dev/termination-log` is this file.
fn on_kubernetes(message: &Path, service: &str, args: &[&str]) -> Service {
    const MOUNT: &str = "mount -t tmpfs none /dev && : > /dev/termination-log && \
                         mount --bind \"$1\" /dev/termination-log && shift && exec \"$@\"";
    Service::at("/usr/bin/unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"])
        .arg(message)
        .arg(service)
        .args(args)
        .env("KUBERNETES_SERVICE_HOST", "10.0.0.1")
        .env("LIFECYCLE_SHUTDOWN_DELAY", "0s")
}

/// On CI, where it has to be possible, nothing is passed over.
fn namespaces() -> bool {
    let mount = ["--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"];
    let possible =
        Command::new("unshare").args(mount).status().is_ok_and(|status| status.success());
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(possible || !is_ci, "unshare --map-root-user --mount is not possible here");
    possible
}

#[test]
fn kubernetes_is_told_how_it_ended() {
    if !namespaces() {
        eprintln!("not run: no mount namespaces here (unshare --map-root-user --mount)");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let message = dir.path().join("message");
    let told = |message: &Path| fs::read_to_string(message).unwrap();
    let app = env!("CARGO_BIN_EXE_process-app");

    // What stood there before is gone, however long it was.
    fs::write(&message, "x".repeat(5_000)).unwrap();
    stop(on_kubernetes(&message, app, &["worker", "kubernetes"])).exits(0);
    let text = told(&message);
    assert!(text.starts_with("stopped cleanly: exit code 0, "), "{text}");
    assert!(text.contains("slowest hooks:\n  process_app::hooks::note "), "{text}");

    let mut child = on_kubernetes(&message, app, &["busy", "kubernetes"])
        .env("LIFECYCLE_DRAIN_TIMEOUT", "100ms")
        .start();
    child.wait_for("call began");
    child.signal(Signal::TERM);
    child.end().exits(70);
    let text = told(&message);
    assert!(text.contains("\n! 1 call(s) of `process_app::signals::call`"), "{text}");

    // Start-up goes on past the deadline.
    let mut child =
        on_kubernetes(&message, app, &["early"]).env("LIFECYCLE_GRACE_PERIOD", "2s").start();
    child.wait_for("installed");
    child.signal(Signal::TERM);
    child.end().exits(124);
    let text = told(&message);
    assert!(
        text.starts_with("stopped uncleanly: exit code 124, ")
            && text.contains("run was not reached"),
        "{text}"
    );

    let invalid = env!("CARGO_BIN_EXE_process-invalid");
    on_kubernetes(&message, invalid, &["main"])
        .env("LIFECYCLE_DRAIN_TIMEOUT", "soon")
        .run()
        .exits(78);
    let text = told(&message);
    assert!(
        text.starts_with("did not start: exit code 78\nLIFECYCLE_DRAIN_TIMEOUT=soon"),
        "{text}"
    );
}
