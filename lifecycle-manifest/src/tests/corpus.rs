//! Hundreds of files in the style of real ones, against another reading of them.
//!
//! `corpus/generate.py` makes the files, `corpus/reference.py` reads them with PyYAML and with systemd itself;
//! what they make is kept in `corpus/corpus.json`, so that the reader is held against it where there is no
//! Python. No number differs, nothing is refused that the platform takes, and all is refused that it refuses.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    time::Duration,
};

use lifecycle_core::ext::{Deployment, ManifestError, Overrides};
use serde_json::Value;

use super::super::kind;

const KEPT: &str = "src/tests/corpus/corpus.json";

#[test]
fn no_answer_differs_from_the_other_reading() {
    let kept: BTreeMap<String, Value> =
        serde_json::from_str(&fs::read_to_string(KEPT).unwrap()).unwrap();
    let (mut taken, mut refused, mut numbers, mut wrong) = (0, 0, 0, Vec::new());
    for (case, kept) in &kept {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in kept["files"].as_object().unwrap() {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.as_str().unwrap()).unwrap();
        }
        let path = folder.path().join(kept["first"].as_str().unwrap());
        match kept["answers"].as_array() {
            None => {
                refused += 1;
                if let Ok(read) = read(&path, "", None) {
                    wrong.push(format!("{case}: taken, with {:?}", read.grace));
                }
            }
            Some(answers) => {
                taken += 1;
                for answer in answers {
                    numbers += 1;
                    wrong.extend(differs(&path, answer).map(|what| format!("{case}: {what}")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), kept.len(), wrong.join("\n"));
    assert!(kept.len() >= 200 && taken >= 200 && refused >= 40, "{taken} taken, {refused} refused");
    assert!(numbers >= 300, "{numbers} grace periods");
    let patterns: BTreeSet<_> =
        kept.keys().filter_map(|case| Some(case.rsplit_once('-')?.0)).collect();
    assert!(patterns.len() >= 60, "{} patterns", patterns.len());
}

/// What is read of the container `name`, where its preStop would take `pre_stop`.
fn read(path: &Path, name: &str, pre_stop: Option<Duration>) -> Result<Deployment, ManifestError> {
    let mut overrides = Overrides::default();
    overrides.container = (!name.is_empty()).then(|| name.to_owned());
    overrides.pre_stop = pre_stop;
    kind::read(path, &overrides)
}

/// What differs from `answer`.
fn differs(path: &Path, answer: &Value) -> Option<String> {
    let name = answer["name"].as_str().unwrap();
    let spent = answer["spent_ms"].as_f64();
    let told = spent.is_none().then_some(Duration::from_secs(1));
    if spent.is_none() {
        match read(path, name, None) {
            Err(error) if error.to_string().contains("how long ") => {}
            other => return Some(format!("{name}: a preStop that takes a while: {other:?}")),
        }
    }
    let read = match read(path, name, told) {
        Ok(read) if answer["shell"] == true => {
            return Some(format!("{name}: a shell is between: {:?}", read.grace));
        }
        Ok(read) => read,
        Err(error) if answer["shell"] == true => {
            let error = error.to_string();
            return (!error.contains("a shell stands between")).then_some(error);
        }
        Err(error) => return Some(format!("{name}: refused: {error}")),
    };
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let mut variables = BTreeMap::new();
    for variable in &read.variables {
        variables.insert(variable.name.clone(), Value::from(variable.value.clone()));
    }
    // That of a restart is shown apart.
    let signal = read.stop_signals.iter().find(|signal| signal.field != "RestartKillSignal");
    let found = (
        read.grace.map(millis),
        read.setting.is_written,
        told.is_none().then(|| millis(read.spent)),
        Value::from_iter(variables),
        signal.map(|signal| signal_number(&signal.name)),
    );
    let expected = (
        answer["grace_ms"].as_f64(),
        answer["is_written"].as_bool().unwrap(),
        spent,
        answer["variables"].clone(),
        answer["signal"].as_str().map(signal_number),
    );
    // systemd says which signal it takes where the unit names none.
    let is_default = found.4.is_none() && expected.4 == Some(15);
    let expected =
        if is_default { (expected.0, expected.1, expected.2, expected.3, None) } else { expected };
    (found != expected).then(|| format!("{name}: {found:?}, and not {expected:?}"))
}

fn signal_number(name: &str) -> u32 {
    let upper = name.to_uppercase();
    match upper.trim_start_matches("SIG") {
        "HUP" => 1,
        "INT" => 2,
        "QUIT" => 3,
        "TERM" => 15,
        number => number.parse().unwrap(),
    }
}

/// `.ci/run` installs what this needs, and sets LIFECYCLE_E2E=all: then it may not be missing.
#[test]
fn the_other_reading_says_the_same_today() {
    let has = |program: &str, args: &[&str]| {
        Command::new(program).args(args).output().is_ok_and(|done| done.status.success())
    };
    if !has("python3", &["-c", "import yaml"]) || !Path::new("/lib/systemd/systemd").is_file() {
        let all = std::env::var("LIFECYCLE_E2E").is_ok_and(|which| which == "all");
        assert!(!all, "python3 with PyYAML and /lib/systemd/systemd are needed");
        eprintln!("not run: it needs python3 with PyYAML and /lib/systemd/systemd");
        return;
    }
    let done = Command::new("python3")
        .args(["-B", "src/tests/corpus/reference.py", "--check"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
}
