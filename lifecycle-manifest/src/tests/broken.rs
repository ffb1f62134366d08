//! Broken manifests, and what is said of them, to the letter.
//!
//! In `fixtures/broken` a case is `@ name`, the text of that file, and each line of the answer after `= `.
//! `LIFECYCLE_GOLDEN=write` writes the answers that are given now.

use lifecycle_core::Config;

use super::{golden, hold, parsed, plan};

/// What is wrong with `text` as the file `name`.
fn wrong(name: &str, text: &str) -> String {
    let held = parsed(name, text)
        .map_err(Into::into)
        .and_then(|workload| hold(workload, &Config::new(), &plan()));
    let error = held.expect_err(text);
    assert_eq!(error.missing(), None, "{error}");
    assert!(std::error::Error::source(&error).is_some());
    error.to_string()
}

#[track_caller]
fn all_wrong(file: &str, count: usize) {
    let path = format!("src/tests/fixtures/broken/{file}.txt");
    let kept = std::fs::read_to_string(&path).unwrap();
    let cases: Vec<&str> = kept.strip_prefix("@ ").unwrap().split("\n@ ").collect();
    assert_eq!(cases.len(), count);
    let mut said = Vec::new();
    for case in cases {
        let (name, case) = case.split_once('\n').unwrap();
        let (text, _) = case.split_at(case.find("\n= ").unwrap() + 1);
        let answer = wrong(name, text);
        let answer: String = answer.lines().map(|line| format!("= {line}\n")).collect();
        said.push(format!("@ {name}\n{text}{answer}"));
    }
    golden(&path, &said.join("\n"));
}

#[test]
fn of_any_kind() {
    all_wrong("any", 17);
}

#[test]
fn of_kubernetes() {
    all_wrong("kubernetes", 27);
}

#[test]
fn of_ecs_and_nomad() {
    all_wrong("json", 17);
}

#[test]
fn of_compose() {
    all_wrong("compose", 10);
}

#[test]
fn of_systemd() {
    all_wrong("unit", 11);
}
