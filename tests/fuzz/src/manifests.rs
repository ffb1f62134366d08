//! Manifests of each kind, with lines and words changed.

use std::{fs, path::Path};

use lifecycle::Plan;
use lifecycle_core::testing::samples::{SampleHook, plan_of};

use crate::choices::Choices;

macro_rules! seeds {
    ($($file:literal),* $(,)?) => {
        [$(($file, include_str!(concat!("../../../lifecycle-manifest/src/tests/fixtures/", $file)))),*]
    };
}

const SEEDS: [(&str, &str); 10] = seeds![
    "compose.yaml",
    "cronjob.yaml",
    "list.json",
    "nomad-api.json",
    "nomad-hcl.json",
    "orders.service",
    "pod.yaml",
    "shop.yaml",
    "statefulset.yaml",
    "task-definition.json",
];

const WORDS: [&str; 24] = [
    "",
    " ",
    "\t",
    "\n",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "|",
    "&a ",
    "*a",
    "<<: *a",
    "#",
    "0",
    "-1",
    "18446744073709551616",
    "1e400",
    "LIFECYCLE_GRACE_PERIOD",
    "5124095h",
    "\u{0}\u{85}",
];

pub(crate) fn body(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let &(file, seed) = choices.one_of(&SEEDS);
    let text = match choices.byte() {
        255 => String::from_utf8_lossy(choices.0).into_owned(),
        _ => changed(seed, &mut choices),
    };
    thread_local! {
        static FOLDER: tempfile::TempDir =
            tempfile::tempdir().unwrap_or_else(|error| panic!("no folder: {error}"));
    }
    FOLDER.with(|folder| read(&folder.path().join(file), &text));
}

fn read(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let said = plan().fits_manifest(path);
    let said = said.map_or_else(|error| error.to_string(), |fits| fits.to_string());
    assert!(!said.is_empty());
}

fn plan() -> Plan {
    plan_of([SampleHook::new(1, "flush"), SampleHook::new(2, "close")])
}

/// A few lines less, more, or with other words.
fn changed(seed: &str, choices: &mut Choices<'_>) -> String {
    let mut lines: Vec<String> = seed.lines().map(str::to_owned).collect();
    for _ in 0..=choices.below(5) {
        if lines.is_empty() {
            break;
        }
        let [at, other] = [(); 2].map(|()| choices.below(lines.len()));
        match choices.below(6) {
            0 => drop(lines.remove(at)),
            1 => lines.swap(at, other),
            2 => lines.insert(at, lines[other].clone()),
            _ => {
                let line = &mut lines[at];
                let word = match choices.byte() {
                    0..200 => (*choices.one_of(&WORDS)).to_owned(),
                    _ => choices.text(),
                };
                let [from, to] =
                    [(); 2].map(|()| line.floor_char_boundary(choices.below(line.len() + 1)));
                line.replace_range(from.min(to)..from.max(to), &word);
            }
        }
    }
    lines.join("\n")
}
