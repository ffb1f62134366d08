//! Task definitions of ECS, as `aws ecs` reads and writes them, and the list of containers alone.

mod cloud_formation;

use std::time::Duration;

use lifecycle_core::{
    Platform,
    ext::{Deployment, ManifestError, Overrides, Variable},
};

pub(super) use self::cloud_formation::read as of_cloud_formation;
use super::{
    choose::{Candidate, Chosen, choose},
    dockerfile::{self, Image},
    document::Node,
    field::{is_ours, not_here, not_zero, ours, setting, words},
    misplaced::{self, Watched, is_in},
};

/// What Fargate grants at most.
const FARGATE: Duration = Duration::from_secs(120);

/// How the two forms spell.
struct Form {
    family: &'static str,
    containers: &'static str,
    name: &'static str,
    image: &'static str,
    stop_timeout: &'static str,
    environment: &'static str,
    environment_files: &'static str,
    value: &'static str,
    secrets: &'static str,
    entry_point: &'static str,
    command: &'static str,
    runs_on: &'static str,
    write: fn(Duration) -> String,
    /// What else is taken for the number.
    also: &'static [&'static str],
}

const API: Form = Form {
    family: "family",
    containers: "containerDefinitions",
    name: "name",
    image: "image",
    stop_timeout: "stopTimeout",
    environment: "environment",
    environment_files: "environmentFiles",
    value: "value",
    secrets: "secrets",
    entry_point: "entryPoint",
    command: "command",
    runs_on: "requiresCompatibilities",
    write: |time| format!("\"stopTimeout\": {}", time.as_secs()),
    also: &["stopTimeoutSeconds", "stop_timeout", "killTimeout"],
};

pub(super) fn read(
    file: &str,
    root: &Node,
    overrides: &Overrides,
    image: Option<&Image>,
) -> Result<Deployment, ManifestError> {
    let task = root.get("taskDefinition").unwrap_or_else(|| root.clone());
    let containers = if task.is_list() { task.items()? } else { task.items_at(API.containers)? };
    let family = if task.is_list() { None } else { task.text_at(API.family)? };
    let task = Task { node: task, name: family.unwrap_or_default(), containers };
    of_tasks(file, &API, &[task], overrides, image)
}

/// A task definition, and what it is called.
struct Task<'d> {
    node: Node<'d>,
    name: String,
    containers: Vec<Node<'d>>,
}

fn of_tasks(
    file: &str,
    form: &Form,
    tasks: &[Task],
    overrides: &Overrides,
    image: Option<&Image>,
) -> Result<Deployment, ManifestError> {
    let mut candidates = Vec::new();
    for Task { node, name, containers } in tasks {
        for container in containers {
            let mut ours = false;
            for variable in container.items_at(form.environment)? {
                ours |= variable.text_at(form.name)?.is_some_and(|name| is_ours(&name));
            }
            let own = container.text_at(form.name)?.unwrap_or_default();
            candidates.push(Candidate {
                path: vec![name.clone(), own],
                ours,
                what: (node.clone(), container.clone()),
            });
        }
    }
    let Chosen { path, what: (task, container), said } =
        choose(file, overrides.container.as_deref(), candidates)?;
    in_their_places(&task, form)?;
    for field in [form.name, form.image] {
        if container.get(field).is_none() {
            return Err(container.wrong(format!("it has no `{field}`, so ECS refuses it")));
        }
    }
    let stop = container.get(form.stop_timeout);
    let grace = match &stop {
        Some(node) => not_zero(node, Duration::from_secs(seconds(node)?))?,
        None => Platform::Ecs.grace_period(),
    };
    let fargate = launches_on(&task, form, "FARGATE")?;
    if let Some(node) = stop.as_ref().filter(|_| fargate && grace > FARGATE) {
        return Err(node.wrong(format!(
            "found {}, Fargate grants 120 at most: write 120 or less",
            node.found()
        )));
    }
    let files = container.items_at(form.environment_files)?;
    let by_agent = (stop.is_none() && !fargate).then(|| {
        format!(
            "{}: {} is not set, and ECS_CONTAINER_STOP_TIMEOUT of the host may be less than the default: set it",
            container.place(),
            form.stop_timeout
        )
    });
    let notes = files.iter().map(|file| {
        format!(
            "{}: {} are not read, LIFECYCLE_* in them are not known: write these in `environment`",
            file.place(),
            form.environment_files
        )
    });
    let mut deployment = Deployment::new(
        Platform::Ecs,
        Some(grace),
        setting(form.stop_timeout, stop.as_ref(), &container, form.write),
        format!("{} of `{}`, {}", form.environment, path[1], container.place()),
    );
    deployment.chosen = said;
    deployment.most = fargate.then_some(FARGATE);
    deployment.variables = variables(&container, form)?;
    deployment.notes = notes.chain(by_agent).collect();
    let entry_point = words(&container, form.entry_point)?;
    dockerfile::complete(&mut deployment, image, entry_point, words(&container, form.command)?)?;
    Ok(deployment)
}

/// A number; CloudFormation takes one in quotes as well.
fn seconds(node: &Node) -> Result<u64, ManifestError> {
    let quoted = || node.text().ok()?.parse().ok();
    match quoted().filter(|_| node.is_text() && cloud_formation::is_here(node)) {
        Some(seconds) => Ok(seconds),
        None => node.number("of seconds"),
    }
}

fn launches_on(task: &Node, form: &Form, wanted: &str) -> Result<bool, ManifestError> {
    if task.is_list() {
        return Ok(false);
    }
    for kind in task.items_at(form.runs_on)? {
        if kind.text()? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An error where the number stands where ECS does not look.
fn in_their_places(task: &Node, form: &Form) -> Result<(), ManifestError> {
    let counts = |path: &str| {
        // In a list alone each item is a container.
        let around = path.rsplit_once('.').map_or("", |(around, _)| around);
        is_in(path, form.containers) || (around.starts_with('[') && !around.contains('.'))
    };
    let watched = [Watched {
        name: form.stop_timeout,
        also: form.also,
        belongs: format!("the container, in `{}`", form.containers),
        counts: &counts,
    }];
    misplaced::check(
        task,
        &watched,
        &["dockerLabels", "DockerLabels", "options", "Options", "tags", "Tags"],
    )
}

fn variables(container: &Node, form: &Form) -> Result<Vec<Variable>, ManifestError> {
    for secret in container.items_at(form.secrets)? {
        if let Some(name) = secret.text_at(form.name)?.filter(|name| is_ours(name)) {
            return Err(not_here(&secret.place(), &name, "it is a secret"));
        }
    }
    let mut variables = Vec::new();
    for variable in container.items_at(form.environment)? {
        let name = variable.text_at(form.name)?.unwrap_or_default();
        if let Some(value) = variable.get(form.value) {
            if is_ours(&name) && cloud_formation::fills_in(&value) {
                return Err(not_here(&value.place(), &name, "CloudFormation fills it in"));
            }
            variables.extend(ours(name, &value)?);
        }
    }
    Ok(variables)
}
