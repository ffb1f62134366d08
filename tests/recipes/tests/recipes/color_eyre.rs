use lifecycle_process_tests::{Service, Stream, service};

use crate::page;

/// What it says on stderr, without colours.
fn stderr_of(program: Service) -> Vec<String> {
    let ending = program.env("RUST_BACKTRACE", "0").run();
    ending.exits(1);
    ending.lines(Stream::Stderr).map(|line| without_colours(line).trim_end().to_owned()).collect()
}

fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| line + part.split_once('m').unwrap().1)
}

#[test]
fn the_report_of_main_is_printed_whole() {
    let stderr = stderr_of(service!(bin "color-eyre"));
    assert_eq!(stderr, page::texts_after("src/bin/color-eyre.rs"));
}

#[test]
fn a_report_that_main_only_returns_is_one_line() {
    let line =
        "lifecycle: main failed: orders cannot start: No such file or directory (os error 2)";
    assert_eq!(stderr_of(service!(bin "color-eyre-returned")), [line]);
}
