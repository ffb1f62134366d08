//! Service units of systemd, with their drop-ins.

use std::{fs, path::Path, time::Duration};

use crate::{Platform, budget::Setting, values::duration::display};

use super::{
    overrides::Overrides,
    place::{ManifestError, Place},
    timespan,
    unit::{Assignment, assignments, variables, words},
    workload::{StopSignal, Variable, Workload, is_ours, not_here},
};

pub(super) fn read(
    path: &Path,
    text: &str,
    overrides: &Overrides,
) -> Result<Workload, ManifestError> {
    let file = path.display().to_string();
    if let Some(wanted) = overrides.container() {
        return Err(ManifestError::new(format!(
            "{file}: a unit is one service; leave `#{wanted}` out"
        )));
    }
    let mut all = assignments(&file, text)?;
    for drop_in in drop_ins(path)? {
        all.extend(assignments(&drop_in.display().to_string(), &contents(&drop_in)?)?);
    }
    all.retain(|assignment| assignment.section == "Service");
    let Some(first) = all.first() else {
        return Err(ManifestError::new(format!(
            "{file}: it has no [Service] section that says anything"
        )));
    };
    let mut workload = Workload {
        chosen: None,
        platform: Platform::Systemd,
        grace: Some(Platform::Systemd.grace_period()),
        setting: Setting {
            place: first.place.to_string(),
            name: "TimeoutStopSec",
            write: |time| format!("TimeoutStopSec={}", display(time)),
            written: false,
        },
        spent: Duration::ZERO,
        most: None,
        stop_signal: None,
        variables: Vec::new(),
        environment: format!("Environment= of [Service], {}", first.place),
        notes: Vec::new(),
    };
    let mut later = Later::default();
    for assignment in &all {
        take(assignment, &mut workload, &mut later)?;
    }
    // Files have the last word over Environment=, wherever they stand, and UnsetEnvironment= over both.
    for (file, place) in later.files {
        read_variables(&file, &place, &mut workload)?;
    }
    for word in later.unset {
        unset(&word, &mut workload.variables);
    }
    if !workload.setting.written {
        workload.notes.push(format!(
            "{}: TimeoutStopSec is not set, and DefaultTimeoutStopSec of the host may be less (45s on Fedora)",
            workload.setting.place
        ));
    }
    Ok(workload)
}

/// What counts once all assignments are known.
#[derive(Default)]
struct Later {
    files: Vec<(String, Place)>,
    unset: Vec<String>,
}

/// What one assignment means for the stop.
fn take(
    assignment: &Assignment,
    workload: &mut Workload,
    later: &mut Later,
) -> Result<(), ManifestError> {
    let Assignment { key, value, place, .. } = assignment;
    let place = place.clone();
    match (key.as_str(), value.as_str()) {
        ("TimeoutSec" | "TimeoutStopSec", _) => {
            workload.grace = timespan::parse(value).map_err(|why| place.wrong(key, why))?;
            workload.setting.name =
                if key == "TimeoutSec" { "TimeoutSec" } else { "TimeoutStopSec" };
            workload.setting.written = true;
            workload.setting.place = place.to_string();
        }
        ("Environment", "") => workload.variables.clear(),
        ("Environment", _) => {
            for word in words(value).map_err(|why| place.wrong(key, why))? {
                if let Some((name, value)) = word.split_once('=').filter(|(name, _)| is_ours(name))
                {
                    let (name, value) = (name.to_owned(), value.to_owned());
                    workload.variables.push(Variable { name, value, place: place.clone() });
                }
            }
        }
        ("UnsetEnvironment", "") => later.unset.clear(),
        ("UnsetEnvironment", _) => {
            later.unset.extend(words(value).map_err(|why| place.wrong(key, why))?)
        }
        ("EnvironmentFile", "") => later.files.clear(),
        ("EnvironmentFile", _) => {
            later.files.push((value.trim_start_matches('-').to_owned(), place))
        }
        ("PassEnvironment", _) => {
            if let Some(name) = value.split_whitespace().find(|name| is_ours(name)) {
                return Err(not_here(&place, name, "PassEnvironment"));
            }
        }
        ("KillSignal", "") => workload.stop_signal = None,
        ("KillSignal", _) => {
            workload.stop_signal =
                Some(StopSignal { name: value.clone(), field: "KillSignal", place });
        }
        ("KillMode", "none") => {
            return Err(
                place.wrong(key, "with `none` nothing tells the service to stop; `mixed` does")
            );
        }
        ("ExecStop", command) if !command.is_empty() => {
            workload
                .notes
                .push(format!("{place}: ExecStop= runs before the signal, in time of its own"));
        }
        _ => {}
    }
    Ok(())
}

/// Removes a variable: `NAME`, or `NAME=value` where that is its value.
fn unset(word: &str, variables: &mut Vec<Variable>) {
    let (name, value) =
        word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let in_force = variables.iter().rev().find(|variable| variable.name == name);
    if in_force.is_some_and(|variable| value.is_none_or(|value| value == variable.value)) {
        variables.retain(|variable| variable.name != name);
    }
}

fn read_variables(file: &str, place: &Place, workload: &mut Workload) -> Result<(), ManifestError> {
    let path = Path::new(file);
    if !path.is_file() {
        workload
            .notes
            .push(format!("{place}: {file} is not here, LIFECYCLE_* in it are not known"));
        return Ok(());
    }
    for (line, name, value) in variables(&contents(path)?) {
        if is_ours(&name) {
            let place = Place { file: file.to_owned(), line };
            workload.variables.push(Variable { name, value, place });
        }
    }
    Ok(())
}

/// `orders.service.d/*.conf` beside `orders.service`, in order of name.
fn drop_ins(path: &Path) -> Result<Vec<std::path::PathBuf>, ManifestError> {
    let mut folder = path.as_os_str().to_owned();
    folder.push(".d");
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    paths.sort();
    Ok(paths)
}

fn contents(path: &Path) -> Result<String, ManifestError> {
    fs::read_to_string(path)
        .map_err(|error| ManifestError::new(format!("{}: {error}", path.display())))
}
