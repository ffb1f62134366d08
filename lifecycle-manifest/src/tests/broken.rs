//! Broken manifests, and what is said of them, to the letter.
//!
//! In `fixtures/broken` a case is `@ name`, the text of that file, and each line of the answer after `= `.

use lifecycle_core::Config;

use super::{hold, parsed, plan};

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
fn all_wrong(cases: &str, count: usize) {
    let cases: Vec<&str> = cases.strip_prefix("@ ").unwrap().split("\n@ ").collect();
    assert_eq!(cases.len(), count);
    for case in cases {
        let (name, case) = case.split_once('\n').unwrap();
        let (text, answer) = case.split_at(case.find("\n= ").unwrap() + 1);
        let answer: Vec<_> = answer.lines().filter_map(|line| line.strip_prefix("= ")).collect();
        assert_eq!(wrong(name, text), answer.join("\n"), "@ {name}\n{text}");
    }
}

#[test]
fn of_any_kind() {
    all_wrong(include_str!("fixtures/broken/any.txt"), 17);
}

#[test]
fn of_kubernetes() {
    all_wrong(include_str!("fixtures/broken/kubernetes.txt"), 27);
}

#[test]
fn of_ecs_and_nomad() {
    all_wrong(include_str!("fixtures/broken/json.txt"), 17);
}

#[test]
fn of_compose() {
    all_wrong(include_str!("fixtures/broken/compose.txt"), 10);
}

#[test]
fn of_systemd() {
    all_wrong(include_str!("fixtures/broken/unit.txt"), 11);
}
