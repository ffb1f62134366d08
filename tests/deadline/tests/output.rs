//! Where the last words go must not matter: a pipe that is full, one that nobody reads, no stdout
//! or stderr at all, and a terminal that was stopped.

use std::{fs::File, io, path::Path};

use lifecycle_deadline_tests::{Figures, GRACE, in_time, is_late, wait_for_file};
use lifecycle_process_tests::{Ending, Exit, Service, Signal, all};
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Action, tcflow},
};
use tempfile::TempDir;

/// What the service's stdout and stderr are, in the words of a shell that becomes the service.
/// Descriptor 3 is a pipe that is full and that nobody reads, 4 one whose reader is gone.
type Case = (&'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    ("stderr is a full pipe", "hook-blocks", "2>&3"),
    ("stdout is a full pipe", "hook-prints", ">&3"),
    ("both are a full pipe", "hook-prints", ">&3 2>&3"),
    ("stderr has no reader", "hook-blocks", "2>&4"),
    ("both have no reader", "hook-blocks", ">&4 2>&4"),
    ("stderr is closed", "hook-blocks", "2>&-"),
    ("all three are closed", "hook-blocks", "<&- >&- 2>&-"),
    ("stderr is a stopped terminal", "hook-blocks", "2>\"$TTY\""),
    ("both are a stopped terminal", "hook-prints", ">\"$TTY\" 2>\"$TTY\""),
];

/// A pipe is full when a writer that does not wait is told to come again.
const PIPES: &str = "mkfifo \"$DIR/full\" \"$DIR/unread\" && exec 3<>\"$DIR/full\" 5<>\"$DIR/unread\" \
                     4>\"$DIR/unread\" 5<&- && { dd if=/dev/zero of=/dev/fd/3 oflag=nonblock bs=4096 count=1024 \
                     2>/dev/null; true; }";

#[test]
fn nothing_that_is_said_can_block() {
    let figures = Figures::default();
    let rows: Vec<_> = CASES
        .iter()
        .flat_map(|case| [(case, "current_thread", false), (case, "2", false), (case, "2", true)])
        .collect();
    all(&rows, |((what, case, redirect), runtime, with_log)| {
        let ending = in_time(|| {
            let directory = tempfile::tempdir().expect("a directory");
            let ending = run(directory.path(), &[runtime, case], redirect, *with_log);
            is_reported(&ending, &directory);
            ending
        });
        ending.exits(70);
        if is_late(&ending) {
            ending.fail("is far too late");
        }
        let log = if *with_log { ", with a log" } else { "" };
        figures.note(format!("{what}{log} on {runtime}"), 70, ending.since_first_signal());
    });
    println!("{figures}");
}

/// With a subscriber that writes to stderr, or with none.
fn run(directory: &Path, args: &[&str], redirect: &str, with_log: bool) -> Ending {
    let terminal = stopped_terminal().expect("a terminal of the test's own");
    let up = directory.join("up");
    let service = Service::at("/bin/sh")
        .arg("-c")
        .arg(format!("{PIPES} && exec \"$0\" \"$@\" {redirect}"))
        .arg(env!("CARGO_BIN_EXE_deadline-hold"))
        .args(args)
        .env("DIR", directory)
        .env("TTY", &terminal.path)
        .env("UP", &up)
        .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
        .env("LIFECYCLE_REPORT", directory.join("report.txt"));
    let mut child = if with_log { service.env("LOG", "1") } else { service }.start();
    wait_for_file(&up);
    child.signal(Signal::TERM);
    child.end_within(GRACE)
}

/// Nobody could hear it, so it is in the file.
fn is_reported(ending: &Ending, directory: &TempDir) {
    if ending.exit() != Exit::Code(70) {
        return;
    }
    let report = std::fs::read_to_string(directory.path().join("report.txt")).unwrap_or_default();
    if !report.contains("tests/deadline/src/bin/hold/") || !report.contains("stuck") {
        ending.fail(&format!("reports {report:?}"));
    }
}

/// A terminal on which Ctrl-S was pressed.
struct Terminal {
    path: String,
    _ends: [File; 2],
}

fn stopped_terminal() -> io::Result<Terminal> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let path = ptsname(&master, Vec::new())?.to_string_lossy().into_owned();
    let slave = File::options().read(true).write(true).open(&path)?;
    tcflow(&slave, Action::OOff)?;
    Ok(Terminal { path, _ends: [master.into(), slave] })
}
