//! What a process inherits: signals blocked, ignored or at their defaults, limits, a sandbox, a
//! stderr that nobody reads.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use lifecycle_attack_tests::{Row, hold, programs, row};
use lifecycle_deadline_tests::{GRACE, can, in_time, is_late, succeeds};
use lifecycle_process_tests::{Ending, Exit, Service, Signal, all};
use tempfile::TempDir;

const RUNTIMES: [&str; 4] = ["current_thread", "1", "2", "4"];

/// The service `args` under a parent that does `words` to it first.
fn under(words: &[&str], args: &[&str]) -> Service {
    Service::at(programs!().parent)
        .args(words)
        .args(["--", programs!().attack])
        .args(args)
        .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
        .env("RUST_BACKTRACE", "0")
}

const SIGNALS: [(&str, Signal); 3] =
    [("TERM", Signal::TERM), ("INT", Signal::INT), ("HUP", Signal::HUP)];

const BLOCKED: &[Row] = &[
    row("obedient").parent(&["block=TERM"]),
    row("obedient").parent(&["block=INT"]).signals(&[Signal::INT]),
    row("obedient").parent(&["block=HUP"]).signals(&[Signal::HUP]),
    row("obedient").parent(&["block=TERM,INT,HUP,QUIT,PIPE,XFSZ"]),
    row("hook-blocks").parent(&["block=TERM,INT,HUP"]).held().codes(&[70]).ran(&["hook: blocks"]),
];

#[test]
fn a_signal_that_came_blocked_is_heard() {
    hold(programs!(), BLOCKED);
}

const DEFAULT: &[Row] = &[
    row("obedient").parent(&["default=TERM"]),
    row("obedient").parent(&["default=INT"]).signals(&[Signal::INT]),
    row("obedient").parent(&["default=HUP"]).signals(&[Signal::HUP]),
];

#[test]
fn a_signal_that_came_at_its_default_is_heard() {
    hold(programs!(), DEFAULT);
}

#[test]
fn a_signal_that_came_ignored_stays_so_and_the_start_says_which() {
    let cases: Vec<_> =
        SIGNALS.iter().flat_map(|ignored| RUNTIMES.map(|runtime| (ignored, runtime))).collect();
    all(&cases, |((name, signal), runtime)| {
        let word = format!("ignore={name}");
        let mut child = under(&[&word], &[runtime, "obedient"]).env("LOG", "1").start();
        child.wait_for("up");
        child.signal(*signal);
        thread::sleep(Duration::from_millis(300));
        let other = if *signal == Signal::TERM { Signal::INT } else { Signal::TERM };
        child.signal(other);
        let ending = child.end();
        ending.exits(0).says("hook: note").ends_within(Duration::from_secs(2));
        says_all(&ending, &[&format!("SIG{name}"), "ignored"]);
    });
}

#[test]
fn the_start_says_which_signals_are_heard() {
    all(&RUNTIMES, |runtime| {
        let mut child = under(&["block=INT"], &[runtime, "obedient"]).env("LOG", "1").start();
        child.wait_for("up");
        child.signal(Signal::TERM);
        let ending = child.end();
        says_all(ending.exits(0), &["hear", "SIGTERM", "SIGINT", "SIGHUP"]);
    });
}

#[track_caller]
fn says_all(ending: &Ending, parts: &[&str]) {
    let streams = [lifecycle_process_tests::Stream::Stderr];
    let has_all = |line: &str| parts.iter().all(|part| line.contains(part));
    if !streams.iter().any(|stream| ending.lines(*stream).any(has_all)) {
        ending.fail(&format!("no line on stderr has all of {parts:?}"));
    }
}

/// Said when it becomes ready; SIGINT still ends it.
#[test]
fn a_handler_that_took_the_place_of_ours_is_said_when_ready() {
    let names = ["handler-replaced", "handler-taken-back", "handler-ignored"];
    let cases: Vec<_> =
        names.iter().flat_map(|name| RUNTIMES.map(|runtime| (*name, runtime))).collect();
    all(&cases, |(name, runtime)| {
        let mut child = under(&["default=TERM"], &[runtime, name]).env("LOG", "1").start();
        child.wait_for("up");
        let line = child.wait_for("SIGTERM");
        assert!(line.contains("WARN"), "{line}");
        child.signal(Signal::INT);
        child.end().exits(0).says("hook: note");
    });
}

/// There is no timer for it: the next time that the library is awake.
#[test]
fn a_handler_that_took_the_place_of_ours_later_is_said_with_the_next_signal() {
    all(&RUNTIMES, |runtime| {
        let mut child = under(&["default=TERM"], &[runtime, "handler-replaced-when-ready"])
            .env("LOG", "1")
            .start();
        child.wait_for("up");
        child.signal(Signal::TERM);
        thread::sleep(Duration::from_millis(200));
        assert!(child.is_running());
        child.signal(Signal::INT);
        let ending = child.end();
        says_all(ending.exits(0).says("hook: note"), &["WARN", "SIGTERM"]);
    });
}

const WRITES: &[Row] = &[
    row("fails")
        .parent(&["stderr=unread"])
        .env(&[("DEFAULTS", "1")])
        .codes(&[70])
        .ran(&["hook: fails"]),
    row("fails")
        .parent(&["stderr=unread"])
        .env(&[("DEFAULTS", "1"), ("LOG", "1")])
        .codes(&[70])
        .ran(&["hook: fails"]),
    row("hook-blocks")
        .parent(&["stderr=unread"])
        .env(&[("DEFAULTS", "1")])
        .held()
        .codes(&[70])
        .ran(&["hook: blocks"]),
];

#[test]
fn a_stderr_that_nobody_reads_does_not_kill() {
    hold(programs!(), WRITES);
}

#[test]
fn a_file_at_its_limit_does_not_kill() {
    let folder = tempfile::tempdir().expect("a directory");
    let stderr = format!("stderr={}", folder.path().join("stderr").display());
    let cases: Vec<_> = [false, true]
        .iter()
        .flat_map(|log| RUNTIMES.map(|runtime| (*log, runtime)))
        .flat_map(|case| [case; 5])
        .collect();
    all(&cases, |(log, runtime)| {
        let service = under(&[&stderr, "fsize=0"], &[runtime, "fails"])
            .env("DEFAULTS", "1")
            .env("LIFECYCLE_REPORT", folder.path().join("report-{pid}.txt"));
        let service = if *log { service.env("LOG", "1") } else { service };
        let mut child = service.start();
        child.wait_for("up");
        child.signal(Signal::TERM);
        child.end_within(GRACE).exits(70).says("hook: fails");
    });
}

const FAILS: &[&[&str]] =
    &[&["hook `attack::kit::fails` (tests/attack/src/bin/attack/kit.rs:", "no such luck"]];

const fn fails() -> Row {
    row("fails").codes(&[70]).ran(&["hook: fails"]).says(FAILS)
}

const SANDBOXES: &[Row] = &[
    row("obedient").parent(&["deny=sendto:EPERM"]),
    row("obedient").parent(&["deny=sendto:EPERM"]).signals(&[Signal::INT]),
    fails().parent(&["stderr=socket", "deny=sendto:EPERM"]),
    fails().parent(&["deny=pwritev2:ENOSYS"]),
    fails().parent(&["deny=pwritev2:EPERM"]),
    fails().parent(&["deny=close_range:EPERM,clone3:ENOSYS"]),
    fails().parent(&["deny=fstat:EPERM"]),
    row("hook-blocks")
        .parent(&["deny=sched_setscheduler:EPERM,tgkill:EPERM,prlimit64:EPERM"])
        .held()
        .codes(&[70])
        .ran(&["hook: blocks"])
        .says(&[&["hook `attack::kit::blocks`", "stuck"]]),
];

#[test]
fn a_sandbox_makes_it_neither_deaf_nor_mute() {
    hold(programs!(), SANDBOXES);
}

/// stderr is a file, and the process that would write to it may not be made.
#[test]
fn a_line_reaches_a_file_where_no_process_may_be_made_for_it() {
    let folder = tempfile::tempdir().expect("a directory");
    let denials = ["deny=close_range:EPERM", "deny=pwritev2:ENOSYS", "block=TERM"];
    let cases: Vec<_> = denials
        .iter()
        .flat_map(|denied| RUNTIMES.map(|runtime| (*denied, runtime)))
        .flat_map(|case| [0, 1, 2, 3, 4].map(|time| (case, time)))
        .collect();
    all(&cases, |((denied, runtime), time)| {
        let file = folder.path().join(format!("{denied}-{runtime}-{time}"));
        let stderr = format!("stderr={}", file.display());
        let mut child = under(&[&stderr, denied], &[runtime, "fails"]).start();
        child.wait_for("up");
        child.signal(Signal::TERM);
        let ending = child.end_within(GRACE);
        let text = fs::read_to_string(file).expect("stderr");
        if !text.contains("hook `attack::kit::fails`") {
            ending.fail(&format!("its stderr says {text:?}"));
        }
        ending.exits(70);
    });
}

/// The programs where other users can run them, and a place where they can write.
struct Elsewhere {
    folder: TempDir,
}

impl Elsewhere {
    fn make() -> Option<Self> {
        let is_root = succeeds("test \"$(id -u)\" = 0");
        if !can("a user who is bound by RLIMIT_NPROC (root)", is_root) {
            assert!(std::env::var("LIFECYCLE_E2E").as_deref() != Ok("all"), "not root");
            return None;
        }
        let folder = tempfile::tempdir().expect("a directory");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("permissions");
        let elsewhere = Self { folder };
        for program in
            [programs!().attack, programs!().parent, env!("CARGO_BIN_EXE_attack-attribute")]
        {
            let name = Path::new(program).file_name().expect("a name");
            fs::copy(program, elsewhere.folder.path().join(name)).expect("copied");
        }
        Some(elsewhere)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// One of its own for each process: the limit counts all that a user has.
fn new_user() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = 1_000_000 + std::process::id() % 100_000 * 100;
    format!("user={}", base + NEXT.fetch_add(1, Ordering::Relaxed))
}

const WITHOUT_THREADS: &[Row] = &[
    // On a thread that there is, or not at all and named so.
    row("no-thread-for-a-sync-hook").codes(&[0, 70]).ran(&[]).never(&["timed out"]),
    row("no-thread-for-a-resource").ran(&["hook: note", "dropped"]),
    row("no-thread-for-the-log").env(&[("LOG", "1")]),
];

#[test]
fn no_thread_at_the_stop_loses_neither_resource_nor_report_nor_word() {
    let Some(elsewhere) = Elsewhere::make() else { return };
    let (attack, parent) = (elsewhere.text("attack"), elsewhere.text("attack-parent"));
    let cases: Vec<_> = WITHOUT_THREADS
        .iter()
        .flat_map(|row| RUNTIMES.map(|runtime| (row, runtime)))
        .flat_map(|case| [0, 1, 2, 3, 4].map(|time| (case, time)))
        .collect();
    all(&cases, |((row, runtime), time)| {
        let report = elsewhere.path(&format!("{}-{runtime}-{time}.txt", row.name()));
        let run = || {
            let service = Service::at(&parent).args([&new_user(), "--", &*attack]);
            let service = row.environment(service.args([runtime, row.name()]));
            let mut child = service.env("LIFECYCLE_REPORT", &report).start();
            child.wait_for("up");
            child.signal(Signal::TERM);
            child.end_within(GRACE)
        };
        let ending = in_time(run);
        if is_late(&ending) {
            ending.fail("is far too late");
        }
        row.check(&ending);
        let ran = ending.count("hook: sync") > 0;
        if row.name() == "no-thread-for-a-sync-hook" && !ran {
            ending.exits(70);
            says_all(&ending, &["hook `attack::threads::sync`", "threads.rs:", "thread"]);
        }
        let written = fs::read_to_string(&report).unwrap_or_default();
        if !written.contains("exit code") {
            ending.fail(&format!("its report says {written:?}"));
        }
    });
}

/// Either it starts and stops, or it says what is missing and ends with 78; nothing between.
fn starts_or_says_why(elsewhere: &Elsewhere, limit: &str, kind: &str, missing: &[&str]) -> Exit {
    let user = new_user();
    let up = elsewhere.path(&user);
    let mut child = Service::at(elsewhere.path("attack-parent"))
        .args([&*user, limit, "--", &elsewhere.text("attack-attribute"), kind])
        .env("UP", &up)
        .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
        .env("RUST_BACKTRACE", "0")
        .start();
    // It says one or the other.
    let mut waits = 0..10_000;
    while waits.next().is_some() && child.is_running() && !up.exists() {
        thread::sleep(Duration::from_millis(1));
    }
    if child.is_running() {
        // One that hangs while it starts is not a service that was started.
        let is_up = up.exists() || kind == "install";
        child.signal(Signal::TERM);
        let ending = child.end_within(GRACE);
        if !is_up {
            ending.fail("neither starts nor says why");
        }
        return ending.exit();
    }
    let ending = child.end();
    ending.exits(78);
    says_all(&ending, &["lifecycle:"]);
    if !missing.iter().any(|word| ending.count(word) > 0) {
        ending.fail(&format!("names none of {missing:?}"));
    }
    ending.exit()
}

#[test]
fn too_few_threads_to_start_are_an_error_that_says_so() {
    let Some(elsewhere) = Elsewhere::make() else { return };
    let cases: Vec<_> = (1..=6_u32)
        .flat_map(|limit| ["current_thread", "workers", "install"].map(|kind| (limit, kind)))
        .flat_map(|case| [case; 5])
        .collect();
    all(&cases, |(limit, kind)| {
        let words = ["thread", "RLIMIT_NPROC"];
        let exit = starts_or_says_why(&elsewhere, &format!("nproc={limit}"), kind, &words);
        // Two of its own, main, and as many workers as it asks for.
        if *limit == 1 {
            assert_eq!(exit, Exit::Code(78), "one process, and no thread beside it");
        }
        let enough = if *kind == "workers" { 5 } else { 3 };
        if *limit >= enough && *kind != "install" {
            assert_eq!(exit, Exit::Code(0), "{kind} with {limit}");
        }
    });
}

#[test]
fn too_few_descriptors_to_start_are_an_error_that_says_so() {
    let Some(elsewhere) = Elsewhere::make() else { return };
    // With 3 the C library itself cannot be loaded.
    let cases: Vec<_> = (4..=12_u32)
        .flat_map(|limit| ["current_thread", "workers"].map(|kind| (limit, kind)))
        .flat_map(|case| [case; 3])
        .collect();
    all(&cases, |(limit, kind)| {
        let words = ["descriptor", "open files", "RLIMIT_NOFILE"];
        let exit = starts_or_says_why(&elsewhere, &format!("nofile={limit}"), kind, &words);
        if *limit == 4 {
            assert_eq!(exit, Exit::Code(78), "none for the runtime");
        }
        if *limit == 12 {
            assert_eq!(exit, Exit::Code(0), "enough");
        }
    });
}

/// The same where threads are denied by a sandbox, which is no limit.
#[test]
fn threads_that_are_denied_are_an_error_that_says_so() {
    let denied = "deny=clone:EAGAIN,clone3:EAGAIN";
    let cases: Vec<_> = ["current_thread", "workers"].iter().flat_map(|kind| [kind; 5]).collect();
    all(&cases, |kind| {
        let ending = Service::at(programs!().parent)
            .args([denied, "--", env!("CARGO_BIN_EXE_attack-attribute"), kind])
            .run();
        ending.exits(78).never_says("panicked at");
        says_all(&ending, &["lifecycle:", "thread"]);
    });
}

/// A relative path is one of the directory in which the process was started.
#[test]
fn a_report_goes_where_the_process_was_started() {
    let cases: Vec<_> = RUNTIMES.iter().flat_map(|runtime| [runtime; 5]).collect();
    all(&cases, |runtime| {
        let folder = tempfile::tempdir().expect("a directory");
        let directory = format!("cd={}", folder.path().display());
        let mut child = under(&[&directory], &[runtime, "hook-changes-directory"])
            .env("LIFECYCLE_REPORT", "report.txt")
            .start();
        child.wait_for("up");
        child.signal(Signal::TERM);
        let ending = child.end_within(GRACE);
        ending.exits(0).says("hook: changes");
        let report = fs::read_to_string(folder.path().join("report.txt"));
        if !report.is_ok_and(|text| text.contains("exit code 0")) {
            let _ = fs::remove_file("/report.txt");
            ending.fail("its report is not where it was started");
        }
    });
}
