//! Compose files.

mod layers;

use std::path::Path;

use lifecycle_core::{
    Platform,
    ext::{Deployment, ManifestError, Overrides, StopSignal, Variable},
};
use lifecycle_duration::display;

use self::layers::{Files, Service};
use super::{
    choose::{Candidate, Chosen, choose},
    dockerfile,
    document::{Document, Node},
    duration,
    field::{is_ours, not_here, setting},
    input,
    kind::Beside,
    misplaced::{self, Watched},
    place::Place,
    shell::{self, Word},
    systemd::{is_signal, unit::variables as assigned},
};

const RENDER: &str = "render it first, with `docker compose config`, and check what comes out";

pub(super) fn read(
    path: &Path,
    document: &Document,
    beside: &Beside,
    overrides: &Overrides,
) -> Result<Deployment, ManifestError> {
    let file = path.display().to_string();
    let files = Files::read(path, document, &beside.others)?;
    let mut candidates = Vec::new();
    for (name, service) in files.services()? {
        let ours = environment(&service)?.iter().any(|(name, ..)| is_ours(name));
        candidates.push(Candidate { path: vec![name], ours, what: service });
    }
    let Chosen { path, what: service, said } =
        choose(&file, overrides.container.as_deref(), candidates)?;
    in_their_places(&service)?;
    whole(&service, &path[0])?;
    let stop = service.get("stop_grace_period");
    let grace = match &stop {
        Some(node) => {
            written_out(node)?;
            duration::of_compose(node)?
        }
        None => Platform::Container.grace_period(),
    };
    let mut notes = Vec::new();
    let from_files = env_files(&service, &mut notes)?;
    let mut deployment = Deployment::new(
        Platform::Container,
        Some(grace),
        setting("stop_grace_period", stop.as_ref(), service.own(), |time| {
            format!("stop_grace_period: {}", display(time))
        }),
        format!("environment of `{}`, {}", path[0], service.own().place()),
    );
    deployment.chosen = said;
    deployment.stop_signals.extend(signal(&service, &mut notes)?);
    // What stands in the service has the last word over what stands in files.
    deployment.variables = from_files;
    deployment.variables.extend(variables(&service)?);
    deployment.notes = notes;
    let entry_point = words(&service, "entrypoint")?;
    let arguments = words(&service, "command")?;
    let target = service.get("build").and_then(|build| build.get("target"));
    let target = target.map(|target| target.text()).transpose()?;
    let image = match (&beside.dockerfile, target) {
        (Some(dockerfile), Some(target)) => Some(dockerfile.stage(&target)?),
        _ => beside.image(),
    };
    dockerfile::complete(&mut deployment, image, entry_point, arguments)?;
    Ok(deployment)
}

/// An error where compose would refuse the service, or where this is only an override of one.
fn whole(service: &Service, name: &str) -> Result<(), ManifestError> {
    if ["image", "build", "provider"].iter().any(|field| service.get(field).is_some()) {
        return Ok(());
    }
    Err(service.own().wrong(format!(
        "`{name}` has neither `image` nor `build`, so compose refuses it, or this is an override: name the whole, as \
         in `compose.yaml,compose.prod.yaml`"
    )))
}

/// An error where a field that matters for the stop stands where nobody reads it.
fn in_their_places(service: &Service) -> Result<(), ManifestError> {
    let own = |path: &str| {
        let parts: Vec<&str> = path.split('.').collect();
        parts.len() == 3 && parts[0] == "services"
    };
    let belongs = || format!("the service itself ({})", service.own().place());
    let watched = [
        Watched {
            name: "stop_grace_period",
            also: &["stop_grace", "stop_timeout", "grace_period", "stop_period", "kill_timeout"],
            belongs: belongs(),
            counts: &own,
        },
        Watched { name: "stop_signal", also: &["kill_signal"], belongs: belongs(), counts: &own },
    ];
    let skipped =
        ["environment", "labels", "annotations", "args", "driver_opts", "sysctls", "extra_hosts"];
    service.layers().try_for_each(|layer| misplaced::check(layer, &watched, &skipped))
}

/// The stop signal. What compose fills in is not known here, and need not be wrong.
fn signal(service: &Service, notes: &mut Vec<String>) -> Result<Option<StopSignal>, ManifestError> {
    let Some(node) = service.get("stop_signal") else { return Ok(None) };
    let written = node.text()?;
    let place = node.place().to_string();
    let named = |name: &str| StopSignal {
        name: name.to_owned(),
        field: "stop_signal",
        place: place.clone(),
    };
    if written.replace("$$", "").contains('$') {
        let default = written.split_once(":-").and_then(|(_, rest)| rest.strip_suffix('}'));
        let otherwise =
            default.map_or_else(String::new, |default| format!(" unless it is {default}"));
        notes.push(format!(
            "{place}: stop_signal: compose fills {written} in, and whether the service stops on it is not \
             known{otherwise}: write SIGTERM to be sure"
        ));
        return Ok(default.filter(|default| is_signal(&default.to_uppercase())).map(named));
    }
    if !is_signal(&written.to_uppercase()) {
        return Err(
            node.wrong(format!("found {}, which is no signal: write SIGTERM", node.found()))
        );
    }
    Ok(Some(named(&written)))
}

/// A command: a list of words, or a text that compose takes apart without a shell.
fn words(service: &Service, field: &str) -> Result<Option<Vec<Word>>, ManifestError> {
    let Some(node) = service.get(field) else { return Ok(None) };
    let words = if node.is_list() {
        let word = |item: &Node| {
            let (place, field) = (item.place(), item.path().to_owned());
            Ok(Word { text: item.text()?.replace("$$", "$"), place, field })
        };
        node.items()?.iter().map(word).collect::<Result<Vec<_>, ManifestError>>()?
    } else {
        let words = shell::split(&node.text()?.replace("$$", "$"));
        let words = words.ok_or_else(|| {
            node.wrong(format!("found {}, where a quote is not closed", node.found()))
        })?;
        Word::all(words, &node.place(), node.path())
    };
    Ok((!words.is_empty()).then_some(words))
}

/// A variable's name, its value where there is one, and where that stands.
type Entry<'d> = (String, Option<String>, Node<'d>);

/// The environment, a mapping or a list of `NAME=value`. Without a value it is that of who starts it.
fn environment<'d>(service: &Service<'d>) -> Result<Vec<Entry<'d>>, ManifestError> {
    let mut entries: Vec<Entry> = Vec::new();
    for environment in service.each("environment") {
        if environment.is_list() {
            for item in environment.items()? {
                let text = item.text()?;
                let (name, value) = text
                    .split_once('=')
                    .map_or((text.as_str(), None), |(name, value)| (name, Some(value)));
                entries.push((name.to_owned(), value.map(str::to_owned), item));
            }
        } else {
            for (name, value) in environment.entries()? {
                let text = if value.is_null() { None } else { Some(value.text()?) };
                entries.push((name, text, value));
            }
        }
    }
    Ok(entries)
}

/// What the files of `env_file` set that are here; what is not is noted.
fn env_files(service: &Service, notes: &mut Vec<String>) -> Result<Vec<Variable>, ManifestError> {
    let mut variables = Vec::new();
    for node in service.each("env_file") {
        for file in if node.is_list() { node.items()? } else { vec![node] } {
            let named = if file.is_mapping() { file.text_at("path")? } else { Some(file.text()?) };
            let place = file.place();
            let folder = Path::new(&place.file).parent().unwrap_or_else(|| Path::new(""));
            let path = folder.join(named.unwrap_or_default());
            if !path.is_file() {
                notes.push(format!(
                    "{place}: env_file is not read, LIFECYCLE_* in it are not known: {RENDER}"
                ));
                continue;
            }
            for (line, name, value) in assigned(&input::read(&path)?) {
                let name = name.trim_start_matches("export ").trim().to_owned();
                let place = Place { file: path.display().to_string(), line };
                if !is_ours(&name) {
                    continue;
                }
                if value.contains('$') {
                    let what = format!("found {value:?}, which compose fills in: {RENDER}");
                    return Err(place.wrong(&name, what));
                }
                variables.push(Variable { name, value, place: place.to_string() });
            }
        }
    }
    Ok(variables)
}

fn variables(service: &Service) -> Result<Vec<Variable>, ManifestError> {
    let mut variables = Vec::new();
    for (name, value, node) in environment(service)? {
        if !is_ours(&name) {
            continue;
        }
        written_out(&node)?;
        let place = node.place();
        let Some(value) = value else {
            return Err(not_here(&place, &name, "it is that of who starts the container"));
        };
        variables.push(Variable {
            name,
            value: value.replace("$$", "$"),
            place: place.to_string(),
        });
    }
    Ok(variables)
}

/// An error where compose would put something in.
fn written_out(node: &Node) -> Result<(), ManifestError> {
    let text = if node.is_text() { node.text()? } else { String::new() };
    if text.replace("$$", "").contains('$') {
        return Err(node.wrong(format!("found {text:?}, which compose fills in: {RENDER}")));
    }
    Ok(())
}
