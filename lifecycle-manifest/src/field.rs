//! What manifests of every kind say alike: times, variables, signals.

use std::{fmt, time::Duration};

use lifecycle_core::ext::{AskedBy, ManifestError, Overrides, Setting, StopSignal, Variable};

use super::{document::Node, place::Place, shell::Word};

/// Whether it is for the library.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with("LIFECYCLE_")
}

/// The variable `name`, where it is one of the library.
pub(super) fn ours(name: String, value: &Node) -> Result<Option<Variable>, ManifestError> {
    if !is_ours(&name) {
        return Ok(None);
    }
    value.rendered()?;
    Ok(Some(Variable { name, value: value.text()?, place: value.place().to_string() }))
}

/// A variable whose value is somewhere else.
pub(super) fn not_here(place: &Place, name: &str, whence: impl fmt::Display) -> ManifestError {
    place.wrong(
        name,
        format!("its value is not in this file ({whence}): write it here, as no secret is in it"),
    )
}

/// `time`, unless it is none at all.
pub(super) fn not_zero(node: &Node, time: Duration) -> Result<Duration, ManifestError> {
    not_zero_at(&node.place(), node.path(), time)
}

/// The same of the number at `place`.
pub(super) fn not_zero_at(
    place: &Place,
    field: &str,
    time: Duration,
) -> Result<Duration, ManifestError> {
    if time.is_zero() {
        return Err(place.wrong(
            field,
            "no time at all: the service is killed at once, and no hook runs; leave it out for the default",
        ));
    }
    Ok(time)
}

/// The words at `key`, where there are any.
pub(super) fn words(node: &Node, key: &str) -> Result<Option<Vec<Word>>, ManifestError> {
    let word = |item: &Node| {
        let (place, field) = (item.place(), item.path().to_owned());
        Ok(Word { text: item.text()?, place, field })
    };
    let words: Vec<_> =
        node.items_at(key)?.iter().map(word).collect::<Result<_, ManifestError>>()?;
    Ok((!words.is_empty()).then_some(words))
}

/// How what no file says is told: in code, or by somebody who holds a binary.
pub(super) fn asked<'w>(overrides: &Overrides, code: &'w str, variables: &'w str) -> &'w str {
    match overrides.asked_by {
        AskedBy::Variables => variables,
        _ => code,
    }
}

/// Where the setting stands; where it is absent, where it belongs: in `parent`.
pub(super) fn setting(
    name: &'static str,
    node: Option<&Node>,
    parent: &Node,
    write: fn(Duration) -> String,
) -> Setting {
    let place = node.unwrap_or(parent).place().to_string();
    Setting::new(place, name, node.is_some(), write)
}

/// The stop signal at `field`, where there is one: Nomad writes an empty one for its default.
pub(super) fn stop_signal(
    node: &Node,
    field: &'static str,
) -> Result<Option<StopSignal>, ManifestError> {
    let Some(signal) = node.get(field) else { return Ok(None) };
    let name = signal.text()?;
    Ok((!name.is_empty()).then(|| StopSignal { name, field, place: signal.place().to_string() }))
}
