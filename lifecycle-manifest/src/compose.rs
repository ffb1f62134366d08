//! Compose files.

use lifecycle_core::{
    Platform,
    ext::{Deployment, ManifestError, Overrides, Variable},
};
use lifecycle_duration::display;

use super::{
    choose::{Candidate, Chosen, choose},
    document::Node,
    field::{is_ours, not_here, setting, stop_signal, time},
};

const RENDER: &str = "render it first, with `docker compose config`, and check what comes out";

pub(super) fn read(
    file: &str,
    root: &Node,
    overrides: &Overrides,
) -> Result<Deployment, ManifestError> {
    let mut candidates = Vec::new();
    let services =
        root.get("services").map_or_else(|| Ok(Vec::new()), |services| services.entries())?;
    for (name, service) in services {
        let ours = environment(&service)?.iter().any(|(name, ..)| is_ours(name));
        candidates.push(Candidate { path: vec![name], ours, what: service });
    }
    let Chosen { path, what: service, said } =
        choose(file, overrides.container.as_deref(), candidates)?;
    if let Some(extends) = service.get("extends") {
        return Err(extends.wrong(format!("the rest of the service is elsewhere: {RENDER}")));
    }
    let stop = service.get("stop_grace_period");
    let grace = match &stop {
        Some(node) => {
            written_out(node)?;
            time(node)?
        }
        None => Platform::Container.grace_period(),
    };
    let files = service.get("env_file").map(|node| {
        format!("{}: env_file is not read, LIFECYCLE_* in it are not known: {RENDER}", node.place())
    });
    let mut deployment = Deployment::new(
        Platform::Container,
        Some(grace),
        setting("stop_grace_period", stop.as_ref(), &service, |time| {
            format!("stop_grace_period: {}", display(time))
        }),
        format!("environment of `{}`, {}", path[0], service.place()),
    );
    deployment.chosen = said;
    deployment.stop_signal = stop_signal(&service, "stop_signal")?;
    deployment.variables = variables(&service)?;
    deployment.notes = files.into_iter().collect();
    Ok(deployment)
}

/// A variable's name, its value where there is one, and where that stands.
type Entry<'d> = (String, Option<String>, Node<'d>);

/// The environment, a mapping or a list of `NAME=value`. Without a value it is that of who starts it.
fn environment<'d>(service: &Node<'d>) -> Result<Vec<Entry<'d>>, ManifestError> {
    let Some(environment) = service.get("environment") else { return Ok(Vec::new()) };
    let mut entries = Vec::new();
    if environment.is_list() {
        for item in environment.items()? {
            let text = item.text()?;
            let (name, value) = text
                .split_once('=')
                .map_or((text.as_str(), None), |(name, value)| (name, Some(value)));
            entries.push((name.to_owned(), value.map(str::to_owned), item));
        }
    } else {
        for (name, _) in environment.entries()? {
            match environment.get(&name) {
                Some(value) => entries.push((name, Some(value.text()?), value)),
                None => entries.push((name, None, environment.clone())),
            }
        }
    }
    Ok(entries)
}

fn variables(service: &Node) -> Result<Vec<Variable>, ManifestError> {
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
        variables.push(Variable { name, value, place: place.to_string() });
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
