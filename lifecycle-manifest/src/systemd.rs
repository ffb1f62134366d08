//! Service units of systemd, with their drop-ins.

use std::{fs, path::Path};

use lifecycle_core::{
    Platform,
    ext::{Deployment, ManifestError, Overrides, Setting, StopSignal, Variable},
};
use lifecycle_duration::display;

use super::{
    field::{is_ours, not_here},
    place::Place,
    timespan,
    unit::{Assignment, assignments, variables, words},
};

pub(super) fn read(
    path: &Path,
    text: &str,
    overrides: &Overrides,
) -> Result<Deployment, ManifestError> {
    let file = path.display().to_string();
    if let Some(wanted) = overrides.container.as_deref() {
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
    let setting = Setting::new(first.place.to_string(), "TimeoutStopSec", false, |time| {
        format!("TimeoutStopSec={}", display(time))
    });
    let mut deployment = Deployment::new(
        Platform::Systemd,
        Some(Platform::Systemd.grace_period()),
        setting,
        format!("Environment= of [Service], {}", first.place),
    );
    let mut later = Later::default();
    for assignment in &all {
        take(assignment, &mut deployment, &mut later)?;
    }
    // Files have the last word over Environment=, wherever they stand, and UnsetEnvironment= over both.
    for (file, place) in later.files {
        read_variables(&file, &place, &mut deployment)?;
    }
    for word in later.unset {
        unset(&word, &mut deployment.variables);
    }
    if !deployment.setting.is_written {
        deployment.notes.push(format!(
            "{}: TimeoutStopSec is not set, and DefaultTimeoutStopSec of the host may be less (45s on Fedora)",
            deployment.setting.place
        ));
    }
    Ok(deployment)
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
    deployment: &mut Deployment,
    later: &mut Later,
) -> Result<(), ManifestError> {
    let Assignment { key, value, place, .. } = assignment;
    let place = place.clone();
    match (key.as_str(), value.as_str()) {
        ("TimeoutSec" | "TimeoutStopSec", _) => {
            deployment.grace = timespan::parse(value).map_err(|why| place.wrong(key, why))?;
            deployment.setting.name =
                if key == "TimeoutSec" { "TimeoutSec" } else { "TimeoutStopSec" };
            deployment.setting.is_written = true;
            deployment.setting.place = place.to_string();
        }
        ("Environment", "") => deployment.variables.clear(),
        ("Environment", _) => {
            for word in words(value).map_err(|why| place.wrong(key, why))? {
                if let Some((name, value)) = word.split_once('=').filter(|(name, _)| is_ours(name))
                {
                    let (name, value) = (name.to_owned(), value.to_owned());
                    deployment.variables.push(Variable { name, value, place: place.to_string() });
                }
            }
        }
        ("UnsetEnvironment", "") => later.unset.clear(),
        ("UnsetEnvironment", _) => {
            later.unset.extend(words(value).map_err(|why| place.wrong(key, why))?);
        }
        ("EnvironmentFile", "") => later.files.clear(),
        ("EnvironmentFile", _) => {
            later.files.push((value.trim_start_matches('-').to_owned(), place));
        }
        ("PassEnvironment", _) => {
            if let Some(name) = value.split_whitespace().find(|name| is_ours(name)) {
                return Err(not_here(&place, name, "PassEnvironment"));
            }
        }
        ("KillSignal", "") => deployment.stop_signal = None,
        ("KillSignal", _) => {
            deployment.stop_signal = Some(StopSignal {
                name: value.clone(),
                field: "KillSignal",
                place: place.to_string(),
            });
        }
        ("KillMode", "none") => {
            return Err(
                place.wrong(key, "with `none` nothing tells the service to stop; `mixed` does")
            );
        }
        ("ExecStop", command) if !command.is_empty() => {
            deployment
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

fn read_variables(
    file: &str,
    place: &Place,
    deployment: &mut Deployment,
) -> Result<(), ManifestError> {
    let path = Path::new(file);
    if !path.is_file() {
        deployment
            .notes
            .push(format!("{place}: {file} is not here, LIFECYCLE_* in it are not known"));
        return Ok(());
    }
    for (line, name, value) in variables(&contents(path)?) {
        if is_ours(&name) {
            let place = Place { file: file.to_owned(), line }.to_string();
            deployment.variables.push(Variable { name, value, place });
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
