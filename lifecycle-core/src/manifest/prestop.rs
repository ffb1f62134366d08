//! The preStop hook of a Kubernetes container: it ends before the signal comes, and its time is the pod's.

use std::time::Duration;

use crate::duration::display;

use super::{document::Node, place::ManifestError};

/// How much of `grace` is over before the signal comes; what cannot be known counts as nothing, and is noted.
pub(super) fn spent(
    container: &Node,
    grace: Duration,
    notes: &mut Vec<String>,
) -> Result<Duration, ManifestError> {
    let Some(hook) = container.find(&["lifecycle", "preStop"]) else { return Ok(Duration::ZERO) };
    let (spent, known) = if let Some(seconds) = hook.find(&["sleep", "seconds"]) {
        (Duration::from_secs(seconds.number("of seconds")?), true)
    } else {
        let mut command = Vec::new();
        if let Some(exec) = hook.get("exec") {
            for word in exec.items_at("command")? {
                command.push(word.text()?);
            }
        }
        slept(&command)
    };
    if spent >= grace {
        return Err(hook.wrong(format!(
            "it takes {} of {}: nothing is left for the service; sleep less, or raise \
             terminationGracePeriodSeconds",
            display(spent),
            display(grace)
        )));
    }
    if !known {
        let counted = display(spent);
        notes.push(format!("{}: how long preStop takes is not known, {counted} are counted", hook.place()));
    }
    Ok(spent)
}

/// How long `command` sleeps, and whether that is all it does: `sleep 5`, or a shell that begins with it.
fn slept(command: &[String]) -> (Duration, bool) {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let program = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let script = match words.as_slice() {
        [shell, flag, script]
            if program(shell).ends_with("sh") && flag.starts_with('-') && flag.ends_with('c') =>
        {
            (*script).to_owned()
        }
        words => words.join(" "),
    };
    let script = script.trim().trim_end_matches(';');
    let first = script.split([';', '&', '|', '\n']).next().unwrap_or_default();
    let parts: Vec<&str> = first.split_whitespace().filter(|word| *word != "exec").collect();
    let [sleep, time] = parts.as_slice() else { return (Duration::ZERO, false) };
    let (number, unit) = time.split_at(time.find(|char: char| char.is_alphabetic()).unwrap_or(time.len()));
    let seconds = match unit {
        "" | "s" => Some(1.0),
        "m" => Some(60.0),
        _ => None,
    };
    let time = number.parse::<f64>().ok().zip(seconds).map(|(number, unit)| number * unit);
    match time.and_then(|time| Duration::try_from_secs_f64(time).ok()) {
        Some(time) if program(sleep) == "sleep" => (time, first.len() == script.len()),
        _ => (Duration::ZERO, false),
    }
}
