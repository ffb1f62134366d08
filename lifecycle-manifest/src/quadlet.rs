//! Quadlets: units that podman makes a service of systemd of, which runs a container.

use std::{path::Path, time::Duration};

use lifecycle_core::{
    Platform,
    ext::{Deployment, ManifestError, Overrides, Setting, StopSignal},
};
use lifecycle_duration::display;

use super::{
    dockerfile::{self, Image},
    field::not_zero_at,
    misplaced::is_near,
    place::Place,
    shell::Word,
    systemd::{
        Assignment, Variables, assignments_of, is_signal, no_choice, setting_of_unit, timespan,
        words,
    },
};

/// What podman waits before it kills, unless it is told.
const DEFAULT: Duration = Duration::from_secs(10);

/// Why a quadlet is not read that runs no container of its own.
pub(super) fn runs_nothing(file: &str, extension: &str) -> ManifestError {
    let rest = match extension {
        "kube" => "name the file of Kubernetes that its `Yaml=` names",
        _ => "name the `.container` that runs the service",
    };
    ManifestError::new(format!("{file}: a `.{extension}` grants no time: {rest}"))
}

pub(super) fn read(
    path: &Path,
    text: &str,
    overrides: &Overrides,
    image: Option<&Image>,
) -> Result<Deployment, ManifestError> {
    let file = path.display().to_string();
    no_choice(&file, overrides)?;
    // To podman a backslash with blanks behind it is at the end of its line.
    let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let (all, mut notes) = assignments_of(path, &text)?;
    let container: Vec<&Assignment> = all.iter().filter(|one| one.section == "Container").collect();
    let Some(first) = container.first() else {
        return Err(ManifestError::new(format!(
            "{file}: it has no [Container] section that says anything"
        )));
    };
    if !container.iter().any(|one| one.key == "Image" || one.key == "Rootfs") {
        return Err(first
            .place
            .wrong("Container", "it has no Image=, so podman makes no unit of it"));
    }
    let mut stop = Setting::new(first.place.to_string(), "StopTimeout", false, |time| {
        format!("StopTimeout={}", time.as_secs())
    });
    let mut grace = DEFAULT;
    let mut signal = None;
    let mut variables = Variables::default();
    let mut entry_point = None;
    let mut arguments = None;
    for Assignment { key, value, place, .. } in container.iter().copied() {
        match key.as_str() {
            "StopTimeout" => {
                grace = not_zero_at(place, key, seconds(key, value, place)?)?;
                stop.place = place.to_string();
                stop.is_written = true;
            }
            "StopSignal" => {
                if !is_signal(&value.to_uppercase()) {
                    return Err(place
                        .wrong(key, format!("found {value}, which is no signal: write SIGTERM")));
                }
                signal = Some(StopSignal {
                    name: value.clone(),
                    field: "StopSignal",
                    place: place.to_string(),
                });
            }
            "PodmanArgs" => {
                let args = words(value).map_err(|why| place.wrong(key, why))?;
                let time = args.iter().enumerate().find_map(|(at, arg)| {
                    let rest = arg.strip_prefix("--stop-timeout")?;
                    rest.strip_prefix('=').map(str::to_owned).or_else(|| args.get(at + 1).cloned())
                });
                if let Some(time) = time {
                    grace = not_zero_at(place, key, seconds(key, &time, place)?)?;
                    stop.place = place.to_string();
                    stop.is_written = true;
                }
            }
            "Environment" | "EnvironmentFile" => variables.take(key, value, place)?,
            "Exec" | "Entrypoint" => {
                let words = words(value).map_err(|why| place.wrong(key, why))?;
                let words = Some(Word::all(words, place, key));
                *(if key == "Exec" { &mut arguments } else { &mut entry_point }) = words;
            }
            _ if is_near(key, "StopTimeout") => {
                return Err(place.wrong(key, "podman does not read it: write `StopTimeout=`"));
            }
            _ => {}
        }
    }
    if let Some(one) = all.iter().find(|one| one.key == "StopTimeout" && one.section != "Container")
    {
        return Err(one
            .place
            .wrong("StopTimeout", "it is not read here: move it into [Container]"));
    }
    // systemd kills whoever stops the container, and the container with it.
    let (limit, setting) = setting_of_unit(&all)?;
    if limit.is_some_and(|limit| limit < grace) {
        notes.push(format!(
            "{}: podman waits {}, and systemd no longer than TimeoutStopSec=: make that longer",
            stop.place,
            display(grace)
        ));
        grace = limit.unwrap_or_default();
        stop = setting;
    }
    let mut deployment = Deployment::new(
        Platform::Container,
        Some(grace),
        stop,
        format!("Environment= of [Container], {}", first.place),
    );
    deployment.most = limit;
    deployment.stop_signals = signal.into_iter().collect();
    deployment.notes = notes;
    deployment.variables = variables.finish(path, &mut deployment.notes)?;
    dockerfile::complete(&mut deployment, image, entry_point, arguments)?;
    Ok(deployment)
}

fn seconds(key: &str, value: &str, place: &Place) -> Result<Duration, ManifestError> {
    match value.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => Err(match timespan::parse(value) {
            Ok(Some(time)) => place.wrong(
                key,
                format!(
                    "found {value}, a whole number of seconds is needed: write {}",
                    time.as_secs()
                ),
            ),
            _ => place.wrong(key, format!("found {value}, a whole number of seconds is needed")),
        }),
    }
}
