//! The preStop hook of a Kubernetes container: it ends before the signal comes, and its time is the pod's.

use std::time::Duration;

use lifecycle_core::ext::{ManifestError, Overrides};
use lifecycle_duration::display;

use super::super::{command, document::Node, field::asked};

/// How much of `grace` is over before the signal comes. Less than is given is never counted, as something
/// in the cluster may put a preStop there that is not in the file.
pub(super) fn spent(
    container: &Node,
    grace: Duration,
    overrides: &Overrides,
) -> Result<Duration, ManifestError> {
    let hook = container.find(&["lifecycle", "preStop"]);
    let told = overrides.pre_stop;
    let spent = match &hook {
        Some(hook) => length(hook)?.max(told).ok_or_else(|| unknown(hook, overrides))?,
        None => told.unwrap_or_default(),
    };
    if spent >= grace {
        return Err(hook.as_ref().unwrap_or(container).wrong(format!(
            "preStop takes {} of {}: nothing is left for the service; sleep less, or raise \
             terminationGracePeriodSeconds",
            display(spent),
            display(grace)
        )));
    }
    Ok(spent)
}

/// How long `hook` takes, where that can be known.
fn length(hook: &Node) -> Result<Option<Duration>, ManifestError> {
    let handlers = hook.entries()?;
    if handlers.len() > 1 {
        return Err(
            hook.wrong("it has more than one handler, and Kubernetes takes one: leave one there")
        );
    }
    match handlers.as_slice() {
        [(handler, sleep)] if handler == "sleep" => {
            let seconds =
                sleep.get("seconds").map(|seconds| seconds.number("of seconds")).transpose()?;
            Ok(seconds.map(Duration::from_secs))
        }
        [(handler, exec)] if handler == "exec" => Ok(command::length(&words(exec)?)),
        _ => Ok(None),
    }
}

fn words(exec: &Node) -> Result<Vec<String>, ManifestError> {
    exec.items_at("command")?.iter().map(Node::text).collect()
}

/// In doubt it is an error: whatever a preStop takes is missing at the end.
fn unknown(hook: &Node, overrides: &Overrides) -> ManifestError {
    let words =
        hook.get("exec").and_then(|exec| words(&exec).ok()).filter(|words| !words.is_empty());
    let handlers = || hook.entries().ok()?.into_iter().map(|(handler, _)| handler).next();
    let what = words.map(|words| words.join(" ")).or_else(handlers);
    let what = what.map_or_else(|| "it".to_owned(), |what| format!("`{what}`"));
    let say = asked(overrides, "Manifest::pre_stop", "LIFECYCLE_MANIFEST_PRE_STOP=10s");
    hook.wrong(format!(
        "how long {what} takes is not known, and it is time that the service does not have: say it with `{say}`, or \
         write `sleep: {{seconds: n}}` here"
    ))
}
