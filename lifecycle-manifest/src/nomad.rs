//! Jobs of Nomad in JSON: as its API has them, and as HCL is written in JSON.

use std::time::Duration;

use lifecycle_core::{
    Platform,
    ext::{Deployment, ManifestError, Overrides},
};
use lifecycle_duration::display;

use super::{
    choose::{Candidate, Chosen, choose},
    dockerfile::{self, Image},
    document::Node,
    duration,
    field::{asked, is_ours, not_zero, ours, setting, stop_signal, words},
    misplaced::{self, Watched, is_in},
    shell::Word,
    systemd::is_signal,
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
    config: &'static str,
    tasks: &'static str,
    write: fn(Duration) -> String,
}

const API: Form = Form {
    kill_timeout: "KillTimeout",
    kill_signal: "KillSignal",
    env: "Env",
    template: "Templates",
    template_text: "EmbeddedTmpl",
    template_is_env: "Envvars",
    config: "Config",
    tasks: "Tasks",
    write: |time| format!("\"KillTimeout\": {}", time.as_nanos()),
};
const HCL: Form = Form {
    kill_timeout: "kill_timeout",
    kill_signal: "kill_signal",
    env: "env",
    template: "template",
    template_text: "data",
    template_is_env: "env",
    config: "config",
    tasks: "task",
    write: |time| format!("\"kill_timeout\": \"{}\"", display(time)),
};

pub(super) fn read(
    file: &str,
    root: &Node,
    overrides: &Overrides,
    image: Option<&Image>,
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
    in_their_places(root, &form)?;
    let kill = task.get(form.kill_timeout);
    let grace = match &kill {
        Some(node) if node.is_text() => duration::of_nomad(node)?,
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
            return Err(capped(kill.as_ref().unwrap_or(&task), grace, overrides));
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
    if let Some(signal) = stop_signal(&task, form.kill_signal)? {
        if !is_signal(&signal.name.to_uppercase()) {
            let node = task.get(form.kill_signal).unwrap_or_else(|| task.clone());
            return Err(
                node.wrong(format!("found {}, which is no signal: write SIGTERM", node.found()))
            );
        }
        deployment.stop_signals.push(signal);
    }
    deployment.variables = variables;
    deployment.notes = notes;
    let [entry_point, arguments] = started(&task, &form)?;
    dockerfile::complete(&mut deployment, image, entry_point, arguments)?;
    Ok(deployment)
}

/// The entry point and what follows it: of a container, or what is run without one.
fn started(task: &Node, form: &Form) -> Result<[Option<Vec<Word>>; 2], ManifestError> {
    let (mut entry_point, mut command) = (None, None);
    for config in blocks(task, form.config)? {
        entry_point = words(&config, "entrypoint")?.or(entry_point);
        let first = config.get("command");
        let first = first.map(|node| {
            Ok::<_, ManifestError>(Word::all([node.text()?], &node.place(), node.path()))
        });
        let rest = words(&config, "args")?;
        let all: Vec<Word> = first.transpose()?.into_iter().chain(rest).flatten().collect();
        command = if all.is_empty() { command } else { Some(all) };
    }
    Ok([entry_point, command])
}

/// An error where the number stands where Nomad does not look.
fn in_their_places(root: &Node, form: &Form) -> Result<(), ManifestError> {
    // In HCL the name of the task is between, and perhaps a list: `task.server[0].kill_timeout`.
    let counts = |path: &str| {
        let parts: Vec<&str> = path.rsplit('.').skip(1).take(2).collect();
        let is_task = |part: &&str| part.split('[').next() == Some(form.tasks);
        is_in(path, form.tasks) || (form.tasks == HCL.tasks && parts.iter().any(is_task))
    };
    let belongs = || "the task".to_owned();
    let watched = [
        Watched {
            name: form.kill_timeout,
            also: &["stop_timeout", "StopTimeout", "stop_grace_period"],
            belongs: belongs(),
            counts: &counts,
        },
        Watched {
            name: form.kill_signal,
            also: &["stop_signal", "StopSignal"],
            belongs: belongs(),
            counts: &counts,
        },
    ];
    let skipped =
        ["meta", "Meta", "env", "Env", "template", "Templates", "config", "Config", "labels"];
    misplaced::check(root, &watched, &skipped)
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
fn capped(node: &Node, grace: Duration, overrides: &Overrides) -> ManifestError {
    let say =
        asked(overrides, "Manifest::max_kill_timeout", "LIFECYCLE_MANIFEST_MAX_KILL_TIMEOUT=1m");
    node.wrong(format!(
        "found {}, and a Nomad client grants 30s at most unless its max_kill_timeout is more: write at most 30s, \
         or say what the clients grant with `{say}`",
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
