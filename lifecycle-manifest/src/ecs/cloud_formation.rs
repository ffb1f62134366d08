//! Templates of CloudFormation, also those that CDK, SAM and Copilot make: the task definitions in them.

use lifecycle_core::ext::{Deployment, ManifestError, Overrides};

use super::{
    super::{dockerfile::Image, document::Node},
    Form, Task, of_tasks,
};

const KIND: &str = "AWS::ECS::TaskDefinition";

const FORM: Form = Form {
    family: "Family",
    containers: "ContainerDefinitions",
    name: "Name",
    image: "Image",
    stop_timeout: "StopTimeout",
    environment: "Environment",
    environment_files: "EnvironmentFiles",
    value: "Value",
    secrets: "Secrets",
    entry_point: "EntryPoint",
    command: "Command",
    runs_on: "RequiresCompatibilities",
    write: |time| format!("StopTimeout: {}", time.as_secs()),
    also: &["StopTimeoutSeconds", "KillTimeout"],
};

pub(in super::super) fn read(
    file: &str,
    root: &Node,
    overrides: &Overrides,
    image: Option<&Image>,
) -> Result<Deployment, ManifestError> {
    let mut tasks = Vec::new();
    let resources = root.get("Resources").unwrap_or_else(|| root.clone());
    for (name, resource) in resources.entries()? {
        if resource.get("Type").and_then(|kind| kind.text().ok()).as_deref() != Some(KIND) {
            continue;
        }
        let Some(task) = resource.get("Properties") else { continue };
        let mut containers = Vec::new();
        if let Some(node) = task.get(FORM.containers) {
            settled(&node)?;
            for container in node.items()? {
                settled(&container)?;
                for field in [FORM.stop_timeout, FORM.entry_point, FORM.command] {
                    container.get(field).map_or(Ok(()), |node| settled(&node))?;
                }
                containers.push(container);
            }
        }
        tasks.push(Task { node: task, name, containers });
    }
    if tasks.is_empty() {
        return Err(ManifestError::new(format!(
            "{file}: no {KIND} in its Resources; name the template that has one"
        )));
    }
    of_tasks(file, &FORM, &tasks, overrides, image)
}

/// Whether `node` is a call of a function: `!Ref X`, `{Ref: X}`, `{Fn::If: …}`.
pub(super) fn fills_in(node: &Node) -> bool {
    node.tag().is_some()
        || node.entries().is_ok_and(|entries| {
            matches!(entries.as_slice(), [(name, _)] if name == "Ref" || name.starts_with("Fn::"))
        })
}

/// Whether `node` stands in a template: there the names begin with capitals.
pub(super) fn is_here(node: &Node) -> bool {
    node.path().starts_with("Resources.")
}

/// An error where CloudFormation would put something in.
fn settled(node: &Node) -> Result<(), ManifestError> {
    if fills_in(node) {
        return Err(node.wrong(
            "CloudFormation fills it in: write it out, or check what `aws ecs describe-task-definition` shows once \
             it is deployed",
        ));
    }
    Ok(())
}
