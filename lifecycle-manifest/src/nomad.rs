//! Jobs of Nomad in JSON: as its API has them, and as HCL is written in JSON.

use std::time::Duration;

use lifecycle_core::{
    Platform,
    ext::{Deployment, ManifestError, Overrides},
};
use lifecycle_duration::display;

use super::{
    choose::{Candidate, Chosen, choose},
    document::Node,
    field::{is_ours, not_zero, ours, setting, stop_signal, time},
};

/// What a client grants at most, unless its own configuration says otherwise.
const MAX_KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// How the two forms spell.
struct Form {
    kill_timeout: &'static str,
    kill_signal: &'static str,
    env: &'static str,
    template: &'static str,
    template_text: &'static str,
    template_is_env: &'static str,
    write: fn(Duration) -> String,
}

const API: Form = Form {
    kill_timeout: "KillTimeout",
    kill_signal: "KillSignal",
    env: "Env",
    template: "Templates",
    template_text: "EmbeddedTmpl",
    template_is_env: "Envvars",
    write: |time| format!("\"KillTimeout\": {}", time.as_nanos()),
};
const HCL: Form = Form {
    kill_timeout: "kill_timeout",
    kill_signal: "kill_signal",
    env: "env",
    template: "template",
    template_text: "data",
    template_is_env: "env",
    write: |time| format!("\"kill_timeout\": \"{}\"", display(time)),
};

pub(super) fn read(
    file: &str,
    root: &Node,
    overrides: &Overrides,
) -> Result<Deployment, ManifestError> {
    let (form, tasks) = match root.get("job") {
        Some(job) => (HCL, hcl_tasks(&job)?),
        None => (API, api_tasks(&root.get("Job").unwrap_or_else(|| root.clone()))?),
    };
    let mut candidates = Vec::new();
    for (path, task) in tasks {
        let mut ours = false;
        for env in blocks(&task, form.env)? {
            ours |= env.entries()?.iter().any(|(name, _)| is_ours(name));
        }
        candidates.push(Candidate { path, ours, what: task });
    }
    let Chosen { path, what: task, said } =
        choose(file, overrides.container.as_deref(), candidates)?;
    let kill = task.get(form.kill_timeout);
    let grace = match &kill {
        Some(node) if node.is_text() => time(node)?,
        Some(node) => nanoseconds(node, form.write)?,
        None => Platform::Nomad.grace_period(),
    };
    let mut variables = Vec::new();
    for env in blocks(&task, form.env)? {
        for (name, value) in env.entries()? {
            variables.extend(ours(name, &value)?);
        }
    }
    let notes = templates(&task, &form)?;
    let mut setting = setting(form.kill_timeout, kill.as_ref(), &task, form.write);
    let most = overrides.max_kill_timeout.unwrap_or(MAX_KILL_TIMEOUT);
    if grace > most {
        let Some(most) = overrides.max_kill_timeout else {
            return Err(capped(kill.as_ref().unwrap_or(&task), grace));
        };
        setting.place =
            format!("max_kill_timeout of the clients, {}; {}", display(most), setting.place);
    }
    let mut deployment = Deployment::new(
        Platform::Nomad,
        Some(grace.min(most)),
        setting,
        format!(
            "{} of `{}`, {}",
            form.env,
            path.last().map(String::as_str).unwrap_or_default(),
            task.place()
        ),
    );
    deployment.chosen = said;
    deployment.most = Some(most);
    deployment.stop_signal = stop_signal(&task, form.kill_signal)?;
    deployment.variables = variables;
    deployment.notes = notes;
    Ok(deployment)
}

/// Nobody means less than a millisecond: a number of seconds was written.
fn nanoseconds(node: &Node, write: fn(Duration) -> String) -> Result<Duration, ManifestError> {
    let number = node.number("of nanoseconds, or \"30s\",")?;
    if (1..1_000_000).contains(&number) {
        let meant = write(Duration::from_secs(number));
        return Err(node
            .wrong(format!("found {number}, and a number is nanoseconds here: write `{meant}`")));
    }
    not_zero(node, Duration::from_nanos(number))
}

/// What templates that are environments may bring: where one names a variable of the library, its value is
/// only known once it is filled in.
fn templates(task: &Node, form: &Form) -> Result<Vec<String>, ManifestError> {
    let mut notes = Vec::new();
    for template in blocks(task, form.template)? {
        let is_env = template.get(form.template_is_env);
        if is_env.is_none_or(|is_env| ["false", "\"false\""].contains(&is_env.found().as_str())) {
            continue;
        }
        if let Some(text) = template.get(form.template_text)
            && text.text()?.contains("LIFECYCLE_")
        {
            return Err(text.wrong(format!(
                "it has LIFECYCLE_* variables, and what they come to is not known: set them in {} instead, as no \
                 secret is in them",
                form.env
            )));
        }
        notes.push(format!(
            "{}: a template is an environment, LIFECYCLE_* in it are not known",
            template.place()
        ));
    }
    Ok(notes)
}

/// Nobody sees from a job what its clients are told.
fn capped(node: &Node, grace: Duration) -> ManifestError {
    node.wrong(format!(
        "found {}, and a Nomad client grants 30s at most unless its max_kill_timeout is more: write at most 30s, \
         or say what the clients grant with `Manifest::max_kill_timeout`",
        display(grace)
    ))
}

type Tasks<'d> = Vec<(Vec<String>, Node<'d>)>;

fn api_tasks<'d>(job: &Node<'d>) -> Result<Tasks<'d>, ManifestError> {
    let name = |node: &Node| node.text_at("Name").map(Option::unwrap_or_default);
    let mut tasks = Vec::new();
    for group in job.items_at("TaskGroups")? {
        for task in group.items_at("Tasks")? {
            tasks.push((vec![name(job)?, name(&group)?, name(&task)?], task));
        }
    }
    Ok(tasks)
}

fn hcl_tasks<'d>(job: &Node<'d>) -> Result<Tasks<'d>, ManifestError> {
    let mut tasks = Vec::new();
    for (job, body) in labelled(list(job.clone())?)? {
        for (group, body) in labelled(blocks(&body, "group")?)? {
            for (task, body) in labelled(blocks(&body, "task")?)? {
                tasks.push((vec![job.clone(), group.clone(), task], body));
            }
        }
    }
    Ok(tasks)
}

/// The blocks called `key`: one, or a list of them.
fn blocks<'d>(node: &Node<'d>, key: &str) -> Result<Vec<Node<'d>>, ManifestError> {
    node.get(key).map_or_else(|| Ok(Vec::new()), list)
}

fn list(node: Node) -> Result<Vec<Node>, ManifestError> {
    if node.is_list() { node.items() } else { Ok(vec![node]) }
}

/// Blocks by their label, each of which may have several bodies.
fn labelled(blocks: Vec<Node>) -> Result<Vec<(String, Node)>, ManifestError> {
    let mut bodies = Vec::new();
    for block in blocks {
        for (label, body) in block.entries()? {
            bodies.extend(list(body)?.into_iter().map(|body| (label.clone(), body)));
        }
    }
    Ok(bodies)
}
