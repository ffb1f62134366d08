//! Every way to hold a process, on every runtime: gone before the platform kills, with the right
//! code, and the culprit named.

#[path = "matrix/cases.rs"]
mod cases;
#[path = "matrix/resolver.rs"]
mod resolver;

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use cases::{CASES, Case, LOUD, Said};
use lifecycle_deadline_tests::{DEADLINE, Figures, GRACE, has_elapsed, in_time, is_late};
use lifecycle_process_tests::{Ending, Exit, Service, Signal, Stream, all, service};
use resolver::Resolver;

/// A case on one runtime.
#[derive(Clone, Debug)]
struct Row {
    case: &'static Case,
    runtime: &'static str,
}

const RUNTIMES: [&str; 4] = ["current_thread", "1", "2", "4"];

fn rows(cases: &'static [Case]) -> Vec<Row> {
    cases.iter().flat_map(|case| RUNTIMES.map(|runtime| Row { case, runtime })).collect()
}

#[test]
fn the_deadline_holds() {
    let figures = Figures::default();
    let late: Mutex<Vec<(Row, Ending)>> = Mutex::default();
    let resolver = Resolver::that_hangs();
    let reports = tempfile::tempdir().expect("a directory for the reports");
    let reports = Reports { directory: reports.path(), missing: AtomicUsize::new(0) };
    let start = |row: &Row| match &resolver {
        _ if !row.case.looks_up => Some(service!(bin "deadline-hold")),
        Some(resolver) => Some(resolver.service(env!("CARGO_BIN_EXE_deadline-hold"))),
        None => None,
    };
    let check = |row: &Row| {
        let Some(service) = start(row) else { return };
        let ending = run(row, &reports, service);
        if is_late(&ending) {
            late.lock().expect("no row panics here").push((row.clone(), ending));
        } else {
            held(row, &reports, &figures, &ending);
        }
    };
    all(&rows(CASES), check);
    // These burn a processor each.
    for pair in rows(LOUD).chunks(2) {
        all(pair, check);
    }
    // Once more, and alone.
    for (row, ending) in late.into_inner().expect("no row panics there") {
        println!("late among others: {} on {}: {ending}", row.case.name, row.runtime);
        let again =
            || start(&row).map_or_else(|| ending.clone(), |service| run(&row, &reports, service));
        held(&row, &reports, &figures, &in_time(again));
    }
    println!("{figures}; {} reports had no time to be written", reports.missing.into_inner());
}

/// The child, and the platform that kills it when its grace period is over.
fn run(Row { case, runtime }: &Row, reports: &Reports<'_>, service: Service) -> Ending {
    let mut child = service
        .args([runtime, case.name])
        .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
        .env("LIFECYCLE_DRAIN_TIMEOUT", "1s")
        .env("LIFECYCLE_REPORT", reports.of(case, runtime))
        .env("RUST_BACKTRACE", "0")
        .start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    child.end_within(GRACE)
}

fn held(row: &Row, reports: &Reports<'_>, figures: &Figures, ending: &Ending) {
    let Row { case, runtime } = row;
    let expected = if *runtime == "current_thread" { &case.current } else { &case.workers };
    let gone = ending.since_first_signal();
    ending.exits(expected.code);
    figures.note(format!("{} on {runtime}", case.name), expected.code, gone);
    if is_late(ending) {
        ending.fail("is far too late");
    }
    if expected.at_once && gone >= DEADLINE {
        ending.fail("should not have needed the deadline");
    }
    for said in expected.said {
        names(ending, said);
    }
    if let Some(parts) = expected.reported {
        reports.check(row, ending, parts);
    }
}

/// A line on stderr has all that is known of the culprit.
fn names(ending: &Ending, said: &Said) {
    let Said { parts, elapsed } = said;
    let is_named = ending.lines(Stream::Stderr).any(|line| {
        parts.iter().all(|part| line.contains(part)) && (!elapsed || has_elapsed(line))
    });
    if !is_named {
        ending.fail(&format!(
            "no line on stderr has all of {parts:?}, with how long it took: {elapsed}"
        ));
    }
}

/// Where the children write their reports.
struct Reports<'d> {
    directory: &'d Path,
    missing: AtomicUsize,
}

impl Reports<'_> {
    fn of(&self, case: &Case, runtime: &str) -> PathBuf {
        self.directory.join(format!("{}-{runtime}.txt", case.name))
    }

    /// At the deadline, writing the file has a moment and no more; else it has to be there.
    fn check(&self, Row { case, runtime }: &Row, ending: &Ending, parts: &[&str]) {
        let Ok(text) = std::fs::read_to_string(self.of(case, runtime)) else {
            if ending.exit() == Exit::Code(124) {
                self.missing.fetch_add(1, Ordering::Relaxed);
                return;
            }
            ending.fail("wrote no report");
        };
        // Wrapped lines are one.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in parts {
            if !text.contains(part) {
                ending.fail(&format!("does not say {part:?} in its report: {text}"));
            }
        }
    }
}
