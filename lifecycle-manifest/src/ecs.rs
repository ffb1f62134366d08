//! Task definitions of ECS, as `aws ecs` reads and writes them.

use std::time::Duration;

use lifecycle_core::{
    Platform,
    ext::{Deployment, ManifestError, Overrides, Variable},
};

use super::{
    choose::{Candidate, Chosen, choose},
    document::Node,
    field::{is_ours, not_here, not_zero, ours, setting},
};

/// What Fargate grants at most.
const FARGATE: Duration = Duration::from_secs(120);

pub(super) fn read(
    file: &str,
    root: &Node,
    overrides: &Overrides,
) -> Result<Deployment, ManifestError> {
    let task = root.get("taskDefinition").unwrap_or_else(|| root.clone());
    let family = task.text_at("family")?.unwrap_or_default();
    let mut candidates = Vec::new();
    for container in task.items_at("containerDefinitions")? {
        let name = container.text_at("name")?.unwrap_or_default();
        let mut ours = false;
        for variable in container.items_at("environment")? {
            ours |= variable.text_at("name")?.is_some_and(|name| is_ours(&name));
        }
        candidates.push(Candidate { path: vec![family.clone(), name], ours, what: container });
    }
    let Chosen { path, what: container, said } =
        choose(file, overrides.container.as_deref(), candidates)?;
    let stop = container.get("stopTimeout");
    let grace = match &stop {
        Some(node) => not_zero(node, Duration::from_secs(node.number("of seconds")?))?,
        None => Platform::Ecs.grace_period(),
    };
    let fargate = launches_on(&task, "FARGATE")?;
    if let Some(node) = stop.as_ref().filter(|_| fargate && grace > FARGATE) {
        return Err(node.wrong(format!("found {}, Fargate grants 120 at most", node.found())));
    }
    let files = container.items_at("environmentFiles")?;
    let notes = files.iter().map(|file| {
        format!(
            "{}: environmentFiles are not read, LIFECYCLE_* in them are not known",
            file.place()
        )
    });
    let mut deployment = Deployment::new(
        Platform::Ecs,
        Some(grace),
        setting("stopTimeout", stop.as_ref(), &container, |time| {
            format!("\"stopTimeout\": {}", time.as_secs())
        }),
        format!("environment of `{}`, {}", path[1], container.place()),
    );
    deployment.chosen = said;
    deployment.most = fargate.then_some(FARGATE);
    deployment.variables = variables(&container)?;
    deployment.notes = notes.collect();
    Ok(deployment)
}

fn launches_on(task: &Node, wanted: &str) -> Result<bool, ManifestError> {
    for kind in task.items_at("requiresCompatibilities")? {
        if kind.text()? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn variables(container: &Node) -> Result<Vec<Variable>, ManifestError> {
    for secret in container.items_at("secrets")? {
        if let Some(name) = secret.text_at("name")?.filter(|name| is_ours(name)) {
            return Err(not_here(&secret.place(), &name, "it is a secret"));
        }
    }
    let mut variables = Vec::new();
    for variable in container.items_at("environment")? {
        let name = variable.text_at("name")?.unwrap_or_default();
        if let Some(value) = variable.get("value") {
            variables.extend(ours(name, &value)?);
        }
    }
    Ok(variables)
}
