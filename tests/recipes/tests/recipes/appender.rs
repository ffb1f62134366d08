use std::fs;

use lifecycle_process_tests::{Service, Signal, service};
use tempfile::TempDir;

/// What the program has logged when it is over, without time.
fn log_of(program: Service) -> Vec<String> {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("orders.log");
    let mut child = program.env("LOG_DIRECTORY", directory.path()).start();
    wait_for(&log, "order begun");
    child.signal(Signal::TERM);
    child.end().exits(0);
    let text = fs::read_to_string(log).unwrap();
    text.lines().map(|line| line.split_once(' ').unwrap().1.trim().to_owned()).collect()
}

fn wait_for(log: &std::path::Path, text: &str) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !fs::read_to_string(log).is_ok_and(|log| log.contains(text)) {
        assert!(std::time::Instant::now() < until, "never logged {text:?}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// From the signal on: what came before, and numbers, are not the recipe's.
const STOP: [&str; 0] = [];

#[test]
fn the_log_file_is_complete_to_its_last_line() {
    let log = log_of(service!(bin "appender"));
    println!("{}", log.join("\n"));
    assert_eq!(log, STOP);
}

#[test]
fn a_guard_in_main_loses_what_is_logged_after_main() {
    let log = log_of(service!(bin "appender-guard-in-main"));
    println!("{}", log.join("\n"));
    assert_eq!(log, STOP);
}
