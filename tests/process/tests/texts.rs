//! What an application says, in what a process leaves: stderr, the log, files.

#[path = "../../../lifecycle-core/src/text/redact/shapes.rs"]
mod shapes;

use std::{fs, path::Path, time::Duration};

use lifecycle::{Outcome, Report};
use lifecycle_process_tests::{Ending, Service, Stream, service};

use self::shapes::{KEPT, SECOND, SHAPES, shape, table};

/// A service that says these.
fn saying(folder: &Path, texts: &[String], args: &[&str]) -> Service {
    let file = folder.join("texts");
    fs::write(&file, texts.join("\0")).unwrap();
    service!("texts").args(args).env("TEXTS", file)
}

fn stderr(ending: &Ending) -> String {
    ending.lines(Stream::Stderr).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_secret_is_on_stderr_in_the_log_or_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let texts: Vec<String> = table().map(|(text, ..)| text).step_by(4).collect();
    assert!(texts.len() >= 400);
    // To draw so many takes longer than a report has.
    let few = &texts[..40];
    let formats = [
        ("txt", &*texts, "asks"),
        ("json", &texts, "fails"),
        ("svg", few, "asks"),
        ("html", few, "fails"),
    ];
    for (format, texts, how) in formats {
        let report = folder.path().join("report.").with_extension(format);
        let service = saying(folder.path(), texts, &[how]).env("LIFECYCLE_REPORT", &report);
        let ending = if format == "txt" { service } else { service.quiet() }.run();
        ending.exits(1).never_says(SECOND).says("***");
        let written = fs::read_to_string(&report).unwrap();
        assert!(written.contains("***") && !written.contains(SECOND), "{format}");
    }
}

#[test]
fn what_holds_no_secret_is_written_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let texts: Vec<String> = KEPT.iter().map(|text| (*text).to_owned()).collect();
    let service = saying(folder.path(), &texts, &["fails"]).env("LIFECYCLE_REPORT", &report);
    service.quiet().run().exits(1);
    let report = Report::from_json(&fs::read_to_string(&report).unwrap()).unwrap();
    let is_kept = |text: &String| {
        let failed = Outcome::Failed(text.clone());
        report.hooks().iter().any(|hook| *hook.outcome() == failed)
    };
    let mangled: Vec<_> = texts.iter().filter(|text| !is_kept(text)).collect();
    assert!(mangled.is_empty(), "{mangled:?}");
}

#[test]
fn no_secret_of_the_environment_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    for (template, _) in SHAPES {
        let text = shape(template, SECOND);
        let ending = service!(bin "process-defaults")
            .env("LIFECYCLE_GRACE_PERIOD", &text)
            .env("LIFECYCLE_HOOK_TIMEOUT__TIDY", &text)
            .env("LIFECYCLE_REPORT", &report)
            .run();
        ending.exits(78).never_says(SECOND).says("***");
        let written = fs::read_to_string(&report).unwrap();
        assert!(written.contains("***") && !written.contains(SECOND), "{text}");
    }
}

#[test]
fn no_line_on_stderr_is_forged() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.txt");
    let forged = "it failed\nlifecycle: forged\r\nlifecycle: forged\rlifecycle: forged\u{85}forged\
                  \u{2028}forged\n INFO lifecycle: forged\x1b[2J\u{202e}\u{200f}\u{7f}\x08";
    for (how, on_terminal) in [("asks", false), ("fails", false), ("asks", true), ("fails", true)] {
        let texts = [forged.to_owned()];
        let service = saying(folder.path(), &texts, &[how]).env("LIFECYCLE_REPORT", &report);
        let service = service.env("NO_COLOR", "1");
        let ending = if on_terminal { service.quiet().on_terminal() } else { service }.run();
        ending.exits(1).says("it failed");
        for said in [stderr(&ending), fs::read_to_string(&report).unwrap()] {
            let dangerous = |char: &char| {
                (char.is_control() && *char != '\n')
                    || matches!(char, '\u{2028}' | '\u{202e}' | '\u{200f}')
            };
            assert!(!said.chars().any(|char| dangerous(&char)), "{said:?}");
            let begins = |line: &str| {
                ["lifecycle: forged", "forged", " INFO lifecycle: forged"]
                    .iter()
                    .any(|forged| line.starts_with(forged))
            };
            assert!(!said.lines().any(begins), "{said}");
        }
    }
}

#[test]
fn a_panic_that_panics_again_is_a_panic_of_its_hook() {
    let folder = tempfile::tempdir().unwrap();
    let texts = ["on purpose".to_owned()];
    let ending = saying(folder.path(), &texts, &["asks"]).run();
    ending.exits(1).says("outcome of again: panicked: (a value that is no text)");
    ending.says("outcome of panics: panicked: on purpose");
    ending.says("outcome of on purpose: failed: on purpose");
    ending.says("provided at tests/process/src/bin/app/texts.rs:");
}

/// 200 MB in each place, within the deadline.
#[test]
fn texts_of_any_size_hold_up_no_stop() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let huge = ["words and more words, ".repeat((200 << 20) / 22)];
    let ending = saying(folder.path(), &huge, &["asks"])
        .env("LIFECYCLE_REPORT", &report)
        .env("LIFECYCLE_GRACE_PERIOD", "20s")
        .run();
    drop(huge);
    ending.exits(1).says("(cut after 64 KiB)");
    let stop = Report::from_json(&fs::read_to_string(&report).unwrap()).unwrap();
    // Most of it is what the application does with them; not cut, they take minutes.
    assert!(stop.total() < Duration::from_secs(5), "{:?}", stop.total());
    assert!(fs::metadata(&report).unwrap().len() < 2 << 20);
}
