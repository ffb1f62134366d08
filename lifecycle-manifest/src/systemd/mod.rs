//! Service units of systemd, with their drop-ins.

mod drop_ins;
mod exec;
pub(super) mod timespan;
pub(super) mod unit;

#[cfg(test)]
pub(super) use drop_ins::of_searched;
pub(super) use exec::is_signal;
pub(super) use unit::{Assignment, words};

use std::{path::Path, time::Duration};

use lifecycle_core::{
    Platform,
    ext::{Deployment, ManifestError, Overrides, ServiceManager, Setting, StopSignal, Variable},
};
use lifecycle_duration::display;

use self::{
    exec::{Command, EngineRun, EngineStop},
    unit::assignments,
};
use super::{
    dockerfile::{self, Image},
    field::{is_ours, not_here, not_zero_at},
    input,
    misplaced::is_near,
    place::Place,
    shell::{self, Hears, Word},
};

pub(super) fn read(
    path: &Path,
    text: &str,
    overrides: &Overrides,
    image: Option<&Image>,
) -> Result<Deployment, ManifestError> {
    let file = path.display().to_string();
    no_choice(&file, overrides)?;
    let (all, notes) = assignments_of(path, text)?;
    in_its_section(&all)?;
    let service: Vec<&Assignment> = all.iter().filter(|one| one.section == "Service").collect();
    let Some(first) = service.first() else {
        let passed_over = notes.iter().map(|note| format!("\n{note}")).collect::<String>();
        return Err(ManifestError::new(format!(
            "{file}: it has no [Service] section that says anything{passed_over}"
        )));
    };
    let (grace, setting) = setting_of_unit(&all)?;
    let mut deployment = Deployment::new(
        Platform::Systemd,
        grace,
        setting,
        format!("Environment= of [Service], {}", first.place),
    );
    deployment.notes = notes;
    let mut unit = Unit::default();
    for one in &service {
        unit.take(one, &mut deployment)?;
    }
    if unit.starts.is_empty() {
        return Err(first.place.wrong(
            "Service",
            "it has no ExecStart=, so systemd does not load it: if this is a drop-in, name the unit that it is of",
        ));
    }
    unit.shells(&mut deployment.notes)?;
    match unit.starts.iter().find_map(|start| {
        Some((
            exec::with_inner(&start.words).iter().find_map(|words| exec::engine_run(words))?,
            start,
        ))
    }) {
        Some((run, start)) => {
            return unit.of_container(path, &run, start, deployment, image);
        }
        None if image.is_some() => {
            return Err(ManifestError::new(format!(
                "{file}: no image is run here, so leave the Dockerfile out"
            )));
        }
        None => {}
    }
    unit.stopped_by_commands(&mut deployment)?;
    // A program that speaks to systemd says both.
    let is_silent = !ServiceManager::is_linked();
    if let Some(watchdog) = unit.watchdog.as_ref().filter(|_| is_silent) {
        deployment.notes.push(format!(
            "{watchdog}: systemd kills a service that does not say WATCHDOG=1 as often, which the library does not say \
             for it: build it with the feature `systemd`, let the service say it, or leave it out"
        ));
    }
    if let Some(kind) = unit.notify.as_ref().filter(|_| is_silent) {
        deployment.notes.push(format!(
            "{kind}: the service is started once it says READY=1, which the library does not say for it: build \
             it with the feature `systemd`, let the service say it, or write `Type=exec`"
        ));
    }
    deployment.variables = unit.variables.finish(path, &mut deployment.notes)?;
    if !deployment.setting.is_written {
        deployment.notes.push(format!(
            "{}: TimeoutStopSec is not set, and DefaultTimeoutStopSec of the host may be less (45s on Fedora): \
             set it",
            deployment.setting.place
        ));
    }
    Ok(deployment)
}

/// A unit is one service.
pub(super) fn no_choice(file: &str, overrides: &Overrides) -> Result<(), ManifestError> {
    match overrides.container.as_deref() {
        Some(wanted) => {
            Err(ManifestError::new(format!("{file}: a unit is one service; leave `#{wanted}` out")))
        }
        None => Ok(()),
    }
}

/// What the unit and its drop-ins say, and a note for each line that systemd passes over.
pub(super) fn assignments_of(
    path: &Path,
    text: &str,
) -> Result<(Vec<Assignment>, Vec<String>), ManifestError> {
    let mut notes = Vec::new();
    let mut all = assignments(&path.display().to_string(), text, &mut notes)?;
    for drop_in in drop_ins::of(path) {
        let file = drop_in.display().to_string();
        all.extend(assignments(&file, &input::read(&drop_in)?, &mut notes)?);
    }
    Ok((all, notes))
}

/// The number that grants; `None`: nobody kills.
pub(super) fn setting_of_unit(
    all: &[Assignment],
) -> Result<(Option<Duration>, Setting), ManifestError> {
    let mut service = all.iter().filter(|one| one.section == "Service").peekable();
    let place =
        service.peek().copied().or_else(|| all.first()).map(|first| first.place.to_string());
    let mut grace = Some(Platform::Systemd.grace_period());
    let mut setting = Setting::new(place.unwrap_or_default(), "TimeoutStopSec", false, |time| {
        format!("TimeoutStopSec={}", display(time))
    });
    for Assignment { key, value, place, .. } in service {
        if key == "TimeoutSec" || key == "TimeoutStopSec" {
            grace = timespan::parse(value).map_err(|why| place.wrong(key, why))?;
            setting.name = if key == "TimeoutSec" { "TimeoutSec" } else { "TimeoutStopSec" };
            setting.is_written = true;
            setting.place = place.to_string();
        }
    }
    Ok((grace, setting))
}

/// An error where a number of the stop stands where nobody reads it.
fn in_its_section(all: &[Assignment]) -> Result<(), ManifestError> {
    const OURS: [&str; 4] = ["TimeoutStopSec", "KillSignal", "KillMode", "RestartKillSignal"];
    const ALSO: [&str; 5] =
        ["StopTimeout", "StopTimeoutSec", "TimeoutStop", "StopSignal", "GracePeriodSec"];
    for Assignment { section, key, place, .. } in all {
        if section.starts_with("X-") {
            continue;
        }
        if section != "Service" && OURS.contains(&key.as_str()) {
            return Err(
                place.wrong(key, format!("it is not read in [{section}]: move it into [Service]"))
            );
        }
        if section != "Service" {
            continue;
        }
        let near = OURS.into_iter().find(|known| is_near(key, known)).filter(|known| known != key);
        if let Some(known) = near {
            return Err(place.wrong(key, format!("systemd does not read it: write `{known}=`")));
        }
        if ALSO.contains(&key.as_str()) {
            let known = if key == "StopSignal" { "KillSignal" } else { "TimeoutStopSec" };
            return Err(place.wrong(key, format!("systemd does not read it: write `{known}=`")));
        }
    }
    Ok(())
}

/// What is collected of [Service].
#[derive(Default)]
struct Unit {
    starts: Vec<Command>,
    stops: Vec<Command>,
    /// `KillMode=`, where it is one that tells the main process alone.
    only_main: Option<String>,
    variables: Variables,
    /// Where it waits for READY=1.
    notify: Option<String>,
    /// Where it kills what does not say WATCHDOG=1.
    watchdog: Option<String>,
}

impl Unit {
    /// What one assignment means for the stop.
    fn take(&mut self, one: &Assignment, deployment: &mut Deployment) -> Result<(), ManifestError> {
        let Assignment { key, value, place, .. } = one;
        match (key.as_str(), value.as_str()) {
            ("Environment" | "EnvironmentFile" | "UnsetEnvironment" | "PassEnvironment", _) => {
                self.variables.take(key, value, place)?;
            }
            ("KillSignal" | "RestartKillSignal", _) => {
                let field = if key == "KillSignal" { "KillSignal" } else { "RestartKillSignal" };
                deployment.stop_signals.retain(|signal| signal.field != field);
                if is_signal(value) {
                    deployment.stop_signals.push(StopSignal {
                        name: value.clone(),
                        field,
                        place: place.to_string(),
                    });
                } else if !value.is_empty() {
                    return Err(place.wrong(
                        key,
                        format!(
                            "found {value}, which systemd does not know: write SIGTERM, in capitals"
                        ),
                    ));
                }
            }
            ("FinalKillSignal", signal) if !["", "SIGKILL", "KILL", "9"].contains(&signal) => {
                deployment.notes.push(format!(
                    "{place}: FinalKillSignal={signal}: what is left at the end is not killed by it for sure, and \
                     the next start may run beside it"
                ));
            }
            ("SendSIGKILL", "no" | "false" | "off" | "0" | "n" | "f") => {
                deployment.notes.push(format!(
                    "{place}: SendSIGKILL={value}: what is left at the end is not killed, and the next start runs \
                     beside it"
                ));
            }
            ("KillMode", "none") => {
                return Err(
                    place.wrong(key, "with `none` nothing tells the service to stop; `mixed` does")
                );
            }
            ("KillMode", mode) => {
                self.only_main = ["mixed", "process"]
                    .contains(&mode)
                    .then(|| format!("KillMode={mode} ({place})"));
            }
            ("Type", kind) => {
                self.notify = kind.starts_with("notify").then(|| format!("{place}: Type={kind}"));
            }
            ("WatchdogSec", time) => {
                let is_set = !matches!(timespan::parse(time), Ok(None) | Err(_));
                self.watchdog = is_set.then(|| format!("{place}: WatchdogSec={time}"));
            }
            ("ExecStart", "") => self.starts.clear(),
            ("ExecStart", _) => self.starts.extend(commands(one)?),
            ("ExecStop", "") => self.stops.clear(),
            ("ExecStop", _) => self.stops.extend(commands(one)?),
            _ => {}
        }
        Ok(())
    }

    /// An error where the signal reaches a shell alone. By default systemd sends it to each process.
    fn shells(&self, notes: &mut Vec<String>) -> Result<(), ManifestError> {
        for Command { words, place } in &self.starts {
            if shell::hears(words) == Hears::Su {
                return Err(place.wrong("ExecStart", shell::SU));
            }
        }
        let Some(mode) = &self.only_main else { return Ok(()) };
        for Command { words, place } in &self.starts {
            match shell::hears(words) {
                Hears::Shell { script, instead } => {
                    let what = shell::between(&script, instead.as_deref());
                    return Err(place.wrong(
                        "ExecStart",
                        format!("{what}, or leave {mode} out, which signals the shell alone"),
                    ));
                }
                _ => shell::check(&Word::all(words.clone(), place, "ExecStart"), notes)?,
            }
        }
        Ok(())
    }

    /// `ExecStop=` comes before the signal, in time of its own; what it sends has to be heard too, and where it
    /// kills after a time of its own, that time is what there is.
    fn stopped_by_commands(&self, deployment: &mut Deployment) -> Result<(), ManifestError> {
        for Command { words, place } in &self.stops {
            let limit = exec::kills_after(words);
            for name in exec::signals(words) {
                let place = place.to_string();
                deployment.stop_signals.push(StopSignal { name, field: "ExecStop", place });
            }
            match limit.filter(|limit| deployment.grace.is_none_or(|grace| *limit < grace)) {
                Some(limit) => {
                    deployment.grace = Some(not_zero_at(place, "ExecStop", limit)?);
                    deployment.setting = Setting::new(
                        place.to_string(),
                        "start-stop-daemon --retry",
                        true,
                        |time| format!("start-stop-daemon --retry TERM/{}/KILL/5", time.as_secs()),
                    );
                }
                None => deployment
                    .notes
                    .push(format!("{place}: ExecStop= runs before the signal, in time of its own")),
            }
        }
        Ok(())
    }

    /// The service is in a container, which its engine stops by a number of its own.
    fn of_container(
        &self,
        path: &Path,
        run: &EngineRun,
        start: &Command,
        unit: Deployment,
        image: Option<&Image>,
    ) -> Result<Deployment, ManifestError> {
        let engine = run.engine;
        let limit = unit.grace;
        let mut deployment = Deployment::new(
            Platform::Container,
            limit,
            unit.setting,
            format!("`{engine} run -e`, {}", start.place),
        );
        deployment.notes = unit.notes;
        let signal = |name: &String, field, place: &Place| StopSignal {
            name: name.clone(),
            field,
            place: place.to_string(),
        };
        let stop = self.stops.iter().find_map(|stop| {
            let all = exec::with_inner(&stop.words);
            Some((all.iter().find_map(|words| exec::engine_stop(words))?, stop))
        });
        match &stop {
            Some((EngineStop { kills: true, .. }, stop)) => {
                return Err(stop.place.wrong(
                    "ExecStop",
                    format!("it kills at once, and no hook runs: write `{engine} stop -t 30` and its name"),
                ));
            }
            Some((EngineStop { engine, time, signal: sent, .. }, stop)) => {
                let granted =
                    time.or(run.stop_timeout).unwrap_or(Platform::Container.grace_period());
                let granted = not_zero_at(&stop.place, "ExecStop", granted)?;
                let is_written = time.is_some() || run.stop_timeout.is_some();
                if limit.is_none_or(|limit| granted <= limit) {
                    let place =
                        if time.is_none() && is_written { &start.place } else { &stop.place };
                    deployment.setting = if time.is_none() && is_written {
                        Setting::new(place.to_string(), "--stop-timeout", true, |time| {
                            format!("--stop-timeout {}", time.as_secs())
                        })
                    } else {
                        engine_setting(engine, place, is_written)
                    };
                    deployment.grace = Some(granted);
                    deployment.most = limit;
                } else {
                    deployment.notes.push(format!(
                        "{}: {engine} waits {}, and systemd no longer than TimeoutStopSec=: make that longer",
                        stop.place,
                        display(granted)
                    ));
                }
                deployment
                    .stop_signals
                    .extend(sent.as_ref().map(|name| signal(name, "ExecStop", &stop.place)));
            }
            None => deployment.stop_signals.extend(unit.stop_signals),
        }
        if deployment.stop_signals.is_empty() {
            deployment.stop_signals.extend(
                run.stop_signal.as_ref().map(|name| signal(name, "--stop-signal", &start.place)),
            );
        }
        if run.is_made_elsewhere {
            deployment.notes.push(format!(
                "{}: what `{engine} start` starts was made elsewhere, LIFECYCLE_* in it are not known: let \
                 `{engine} run` make it here",
                start.place
            ));
        }
        for file in &run.env_files {
            deployment.notes.push(format!(
                "{}: {file} is not read, LIFECYCLE_* in it are not known: set these by `--env`",
                start.place
            ));
        }
        let own = self.variables.finish(path, &mut deployment.notes)?;
        for word in &run.variables {
            let name = word.split('=').next().unwrap_or_default();
            if !is_ours(name) {
                continue;
            }
            match word.split_once('=') {
                Some((name, value)) => deployment.variables.push(Variable {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    place: start.place.to_string(),
                }),
                // It is that of the unit.
                None => {
                    deployment.variables.extend(own.iter().filter(|own| own.name == name).cloned());
                }
            }
        }
        let words = |words: Vec<String>| Word::all(words, &start.place, "ExecStart");
        let arguments = (!run.arguments.is_empty()).then(|| words(run.arguments.clone()));
        let entry_point = run.entry_point.clone().map(|word| words(vec![word]));
        dockerfile::complete(&mut deployment, image, entry_point, arguments)?;
        Ok(deployment)
    }
}

fn engine_setting(engine: &str, place: &Place, is_written: bool) -> Setting {
    let (name, write): (_, fn(Duration) -> String) = match engine {
        "podman" => ("podman stop -t", |time| format!("podman stop -t {}", time.as_secs())),
        "nerdctl" => ("nerdctl stop -t", |time| format!("nerdctl stop -t {}", time.as_secs())),
        _ => ("docker stop -t", |time| format!("docker stop -t {}", time.as_secs())),
    };
    Setting::new(place.to_string(), name, is_written, write)
}

/// The commands of an assignment, which a `;` between blanks separates.
fn commands(one: &Assignment) -> Result<Vec<Command>, ManifestError> {
    let words = words(&one.value).map_err(|why| one.place.wrong(&one.key, why))?;
    let mut commands = Vec::new();
    for words in words.split(|word| word == ";").filter(|words| !words.is_empty()) {
        let words = exec::without_prefix(words.to_vec());
        if exec::is_compose(&words) && one.key == "ExecStart" {
            return Err(one.place.wrong(
                &one.key,
                "a compose file says what is granted here: name that one, and make TimeoutStopSec= longer than its \
                 number",
            ));
        }
        commands.push(Command { words, place: one.place.clone() });
    }
    Ok(commands)
}

/// The environment of a unit, as far as it is for the library.
#[derive(Default)]
pub(super) struct Variables {
    set: Vec<Variable>,
    files: Vec<(String, Place)>,
    unset: Vec<String>,
}

impl Variables {
    pub(super) fn take(
        &mut self,
        key: &str,
        value: &str,
        place: &Place,
    ) -> Result<(), ManifestError> {
        let split = || words(value).map_err(|why| place.wrong(key, why));
        match (key, value) {
            ("Environment", "") => self.set.clear(),
            ("Environment", _) => {
                for word in split()? {
                    if let Some((name, value)) =
                        word.split_once('=').filter(|(name, _)| is_ours(name))
                    {
                        let (name, value) = (name.to_owned(), value.to_owned());
                        self.set.push(Variable { name, value, place: place.to_string() });
                    }
                }
            }
            ("UnsetEnvironment", "") => self.unset.clear(),
            ("UnsetEnvironment", _) => self.unset.extend(split()?),
            ("EnvironmentFile", "") => self.files.clear(),
            ("EnvironmentFile", _) => {
                self.files.push((value.trim_start_matches('-').to_owned(), place.clone()));
            }
            ("PassEnvironment", _) => {
                if let Some(name) = value.split_whitespace().find(|name| is_ours(name)) {
                    return Err(not_here(place, name, "PassEnvironment"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Files have the last word over Environment=, wherever they stand, and UnsetEnvironment= over both.
    pub(super) fn finish(
        &self,
        unit: &Path,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Variable>, ManifestError> {
        let mut variables = self.set.clone();
        for (file, place) in &self.files {
            let path = Path::new(file);
            if !path.is_file() || path == unit {
                notes.push(format!(
                    "{place}: {file} is not here, LIFECYCLE_* in it are not known: set these by `Environment=`"
                ));
                continue;
            }
            for (line, name, value) in unit::variables(&input::read(path)?) {
                if is_ours(&name) {
                    let place = Place { file: file.clone(), line }.to_string();
                    variables.push(Variable { name, value, place });
                }
            }
        }
        for word in &self.unset {
            unset(word, &mut variables);
        }
        Ok(variables)
    }
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
