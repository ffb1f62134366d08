//! Files and folders as they are deployed, and what is read of each, to the letter.
//!
//! In `fixtures/cases` a case is `@ name`, as in `LIFECYCLE_MANIFEST`, then the text of the first file, each
//! further file after `@@ path`, and each line of the answer after `= `. `LIFECYCLE_GOLDEN=write` writes the
//! answers that are given now.

use std::{fs, path::Path};

use lifecycle_core::{
    Config,
    ext::{AskedBy, Overrides},
};

use super::{super::kind, golden, hold, plan, read::said};

#[test]
fn of_kubernetes() {
    all_read("kubernetes");
}

#[test]
fn of_compose() {
    all_read("compose");
}

#[test]
fn of_ecs() {
    all_read("ecs");
}

#[test]
fn of_nomad() {
    all_read("nomad");
}

#[test]
fn of_systemd() {
    all_read("systemd");
}

#[test]
fn of_quadlets() {
    all_read("quadlet");
}

#[test]
fn of_dockerfiles() {
    all_read("dockerfile");
}

/// The cases of a file of `fixtures/cases`, each with its answer.
pub(super) fn of(name: &str) -> Vec<(String, String)> {
    let kept = fs::read_to_string(path(name)).unwrap();
    let cases = kept.strip_prefix("@ ").unwrap().split("\n@ ");
    cases
        .map(|case| {
            let lines: Vec<&str> = case.lines().collect();
            let (answer, text): (Vec<&str>, Vec<&str>) =
                lines.into_iter().partition(|line| line.starts_with("= "));
            (text.join("\n").trim_end().to_owned(), answer.join("\n"))
        })
        .collect()
}

fn path(name: &str) -> String {
    format!("src/tests/fixtures/cases/{name}.txt")
}

#[track_caller]
fn all_read(name: &str) {
    let cases = of(name).into_iter().map(|(text, _)| {
        let answer: String = answer(&text).lines().map(|line| format!("= {line}\n")).collect();
        format!("@ {text}\n{answer}")
    });
    golden(&path(name), &cases.collect::<Vec<_>>().join("\n"));
}

/// What is said of the files of a case.
fn answer(case: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (named, text) = case.split_once('\n').unwrap();
    let mut files = named.split(',');
    let (first, container) = match files.next().unwrap().split_once('#') {
        Some((file, container)) => (file, Some(container)),
        None => (named.split(',').next().unwrap(), None),
    };
    for (at, part) in format!("{first}\n{text}").split("\n@@ ").enumerate() {
        let (name, text) = part.split_once('\n').unwrap_or((part, ""));
        let path = folder.path().join(if at == 0 { first } else { name });
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }
    let mut overrides = Overrides::default();
    overrides.container = container.map(str::to_owned);
    overrides.asked_by = AskedBy::Variables;
    overrides.beside = files.map(|file| folder.path().join(file)).collect();
    let text = told(&folder.path().join(first), &overrides);
    text.replace(&format!("{}/", folder.path().display()), "")
}

/// What is read of the file at `path`, or what is wrong with it where a plan is held against it.
fn told(path: &Path, overrides: &Overrides) -> String {
    let deployment = match kind::read(path, overrides) {
        Ok(deployment) => deployment,
        Err(error) => return error.to_string(),
    };
    match hold(deployment.clone(), &Config::new(), &plan()) {
        Err(error) if error.missing().is_none() => error.to_string(),
        _ => said(&deployment),
    }
}
