use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use lifecycle_process_tests::{Service, Signal, service};
use tempfile::TempDir;

use crate::page;

/// What the program has logged when it is over: after the start-up line, and without times, ids
/// and numbers.
fn log_of(program: Service) -> Vec<String> {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("orders.log");
    let mut child = program.env("LOG_DIRECTORY", directory.path()).start();
    wait_for(&log, "order begun");
    // It logs to the file alone, so it is waited for there.
    wait_for(&log, "lifecycle: running");
    child.signal(Signal::TERM);
    child.end().exits(0);
    let text = fs::read_to_string(log).unwrap();
    text.lines()
        .map(|line| line.split_once("INFO ").expect("a line at info").1)
        .filter(|line| !line.contains("; grace period "))
        // Of the feature that another recipe needs.
        .filter(|line| !line.starts_with("lifecycle.summary: "))
        .map(|line| without_numbers(&line.replace("appender_guard_in_main:", "appender:")))
        .collect()
}

fn wait_for(log: &Path, text: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    while !fs::read_to_string(log).is_ok_and(|log| log.contains(text)) {
        assert!(Instant::now() < until, "never logged {text:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Each word that has a digit in it, but for `1` itself, becomes `N`.
fn without_numbers(line: &str) -> String {
    let is_number =
        |word: &str| word.len() > 1 && word.contains(|char: char| char.is_ascii_digit());
    let words = line.split(' ').map(|word| match word.split_once('}') {
        Some((_, rest)) if word.starts_with("shutdown{") => format!("shutdown{{N}}{rest}"),
        _ if is_number(word) => "N".to_owned(),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// From the start to the drain, in which main returns.
const TO_DRAIN: [&str; 6] = [
    "appender: order begun",
    "lifecycle: running",
    "shutdown{N}: lifecycle: shutdown begins: SIGTERM from pid N uid 0",
    "shutdown{N}: lifecycle: SIGTERM from pid N uid 0 asks for a graceful stop; the next Ctrl-C \
     ends the drain now",
    "shutdown{N}: lifecycle: main has the drain's time to return: the stop was asked about at N",
    "shutdown{N}:drain: lifecycle: draining, N left",
];

const FROM_DRAIN: [&str; 11] = [
    "appender: order placed",
    "shutdown{N}:drain: lifecycle: drained in N appender::place_order: 1 in flight, 1 finished",
    "shutdown{N}: lifecycle: stopping, N left",
    "shutdown{N}: lifecycle: hook appender::flush_outbox starts, has N",
    "shutdown{N}:hook{name=\"appender::flush_outbox\"}: appender: outbox flushed",
    "shutdown{N}: lifecycle: hook appender::flush_outbox completed, after N",
    "shutdown{N}: lifecycle: hook appender::close_pool starts, has N",
    "hook{name=\"appender::close_pool\"}: appender: pool closed",
    "lifecycle: hook appender::close_pool completed, after N",
    "lifecycle: stopped, N left",
    "lifecycle: stopped cleanly in N N",
];

#[test]
fn the_log_file_is_complete_to_its_last_line() {
    let mut log = log_of(service!(bin "appender"));
    // The library's lines are written by another thread, and it was not told to stop yet.
    log[..2].sort();
    assert_eq!(log[..6], TO_DRAIN);
    assert_eq!(log[6..], FROM_DRAIN);
}

#[test]
fn the_page_shows_the_end_of_that_log() {
    let shown = page::texts_after("src/bin/appender.rs");
    let shown: Vec<_> = shown.iter().map(|line| without_numbers(line)).collect();
    let bare = |line: &str| {
        let from = line.find("lifecycle: ").or_else(|| line.find("appender: ").map(|at| at + 10));
        line[from.unwrap()..].trim_end_matches(" N N").to_owned()
    };
    let log: Vec<_> = TO_DRAIN[5..].iter().chain(&FROM_DRAIN).map(|line| bare(line)).collect();
    let shown: Vec<_> = shown.iter().map(|line| line.trim_end_matches(" N").to_owned()).collect();
    let log: Vec<_> = log.iter().map(|line| line.trim_end_matches(" N").to_owned()).collect();
    assert_eq!(shown, log);
}

#[test]
fn a_guard_in_main_loses_what_is_logged_after_main() {
    let log = log_of(service!(bin "appender-guard-in-main"));
    // Main returns when the drain begins, and drops the guard before or after the lines about that.
    assert!(log.iter().all(|line| TO_DRAIN.contains(&&**line)), "{log:#?}");
}
