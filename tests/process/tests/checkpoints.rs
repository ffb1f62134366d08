//! A batch job that is stopped at any moment, and started again until it is complete, as Kubernetes
//! does with a Job.

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    path::Path,
    thread,
    time::Duration,
};

use lifecycle_process_tests::{Child, Exit, Service, Signal, service};

const ITEMS: u64 = 150;
/// So often it is stopped before it may go on to its end.
const STOPS: u64 = 20;

/// Stops it by `signal` at random moments until it is complete: what it did, and how often it was
/// hit.
fn stopped_until_complete(mode: &str, signal: Signal) -> (Vec<u64>, usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hits = 0;
    for start in 0.. {
        let mut child = start_in(folder.path(), mode);
        child.wait_for("up at");
        if start < STOPS {
            thread::sleep(Duration::from_millis(RandomState::new().hash_one(start) % 60));
            child.signal(signal);
        }
        let ending = child.end();
        match ending.exit() {
            Exit::Code(0) => break,
            Exit::Signal(number) if number == signal.as_raw() => hits += 1,
            // Behind its last word: the signal has nothing more to stop.
            Exit::Code(143) if signal == Signal::TERM => {}
            _ => ending.fail("should be complete, or end by the signal"),
        }
        ending.never_says("report");
        // Killed behind its last word, with its work done: to start it again begins another import.
        let is_begun = folder.path().join("import.checkpoint").exists();
        if !is_begun && done(folder.path()).last() == Some(&(ITEMS - 1)) {
            break;
        }
    }
    assert!(!folder.path().join("import.checkpoint").exists(), "a complete job leaves none");
    (done(folder.path()), hits)
}

fn start_in(folder: &Path, mode: &str) -> Child {
    let service: Service = service!(bin "process-import", folder, mode);
    service.start()
}

fn done(folder: &Path) -> Vec<u64> {
    let ledger = fs::read_to_string(folder.join("ledger")).unwrap_or_default();
    ledger.lines().map(|line| line.parse().expect("a number")).collect()
}

#[test]
fn a_job_that_is_stopped_at_any_moment_does_every_item_once() {
    for mode in ["apart", "one"] {
        let (items, hits) = stopped_until_complete(mode, Signal::TERM);
        assert_eq!(items, (0..ITEMS).collect::<Vec<_>>(), "{mode}");
        assert!(hits > 3, "{mode}: only {hits} stops hit it");
    }
}

#[test]
fn a_job_whose_work_is_its_checkpoint_is_not_repeated_after_kill_9() {
    let (items, hits) = stopped_until_complete("one", Signal::KILL);
    assert_eq!(items, (0..ITEMS).collect::<Vec<_>>());
    assert!(hits > 3, "only {hits} kills hit it");
}

#[test]
fn after_kill_9_one_item_is_repeated_at_most() {
    let (items, hits) = stopped_until_complete("apart", Signal::KILL);
    let repeated = items.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let mut once = items.clone();
    once.dedup();
    assert_eq!(once, (0..ITEMS).collect::<Vec<_>>());
    assert!(repeated <= hits && hits > 3, "{repeated} repeated, {hits} kills");
}

#[test]
fn a_second_process_is_refused_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = start_in(folder.path(), "apart");
    first.wait_for("up at");
    let second = start_in(folder.path(), "apart").end();
    second.exits(1).says("another process works behind it").says("import.checkpoint");
    first.signal(Signal::TERM);
    first.end().is_killed_by(Signal::TERM);
    start_in(folder.path(), "apart").end().exits(0);
    assert_eq!(done(folder.path()), (0..ITEMS).collect::<Vec<_>>());
}

/// What Kubernetes starts again begins with what was half written by somebody else.
#[test]
fn a_foreign_file_is_said_and_nothing_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("import.checkpoint"), "{\"format\":\"lifecy").expect("a file");
    let ending = start_in(folder.path(), "apart").end();
    ending.exits(1).says("no whole checkpoint of this job").never_says("up at");
    assert_eq!(done(folder.path()), [0; 0]);
}
