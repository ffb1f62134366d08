//! What a manifest says of one container, whatever its kind.

use std::{fmt, time::Duration};

use crate::{Platform, budget::Setting, values::duration};

use super::{
    document::Node,
    place::{ManifestError, Place},
};

/// What was read.
pub(super) struct Workload {
    /// Which container, service or task it is of, where the file has several.
    pub(super) chosen: Option<String>,
    pub(super) platform: Platform,
    /// What [`setting`](Self::setting) grants; `None`: nobody kills.
    pub(super) grace: Option<Duration>,
    pub(super) setting: Setting,
    /// What of `grace` is over before the signal comes.
    pub(super) spent: Duration,
    /// The most that the setting may say.
    pub(super) most: Option<Duration>,
    pub(super) stop_signal: Option<StopSignal>,
    /// The variables of the library, later ones over earlier ones.
    pub(super) variables: Vec<Variable>,
    /// Where variables belong.
    pub(super) environment: String,
    pub(super) notes: Vec<String>,
}

/// A variable of the library.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) place: Place,
}

/// The signal that the platform stops with, where the manifest names one.
pub(super) struct StopSignal {
    pub(super) name: String,
    pub(super) field: &'static str,
    pub(super) place: Place,
}

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
    Ok(Some(Variable { name, value: value.text()?, place: value.place() }))
}

/// A variable whose value is somewhere else.
pub(super) fn not_here(place: &Place, name: &str, whence: impl fmt::Display) -> ManifestError {
    place.wrong(
        name,
        format!("its value is not in this file ({whence}): write it here, as no secret is in it"),
    )
}

/// A duration such as `30s` or `1m30s`.
pub(super) fn time(node: &Node) -> Result<Duration, ManifestError> {
    node.settled()?;
    let text = node.text()?;
    let time = duration::parse(&text).map_err(|why| node.wrong(why))?;
    not_zero(node, time)
}

/// `time`, unless it is none at all.
pub(super) fn not_zero(node: &Node, time: Duration) -> Result<Duration, ManifestError> {
    if time.is_zero() {
        return Err(node.wrong(
            "no time at all: the service is killed at once, and no hook runs; leave it out for the default",
        ));
    }
    Ok(time)
}

/// Where the setting stands; where it is absent, where it belongs: in `parent`.
pub(super) fn setting(
    name: &'static str,
    node: Option<&Node>,
    parent: &Node,
    write: fn(Duration) -> String,
) -> Setting {
    let place = node.unwrap_or(parent).place().to_string();
    Setting { place, name, write, written: node.is_some() }
}

/// The stop signal at `field`, where there is one: Nomad writes an empty one for its default.
pub(super) fn stop_signal(
    node: &Node,
    field: &'static str,
) -> Result<Option<StopSignal>, ManifestError> {
    let Some(signal) = node.get(field) else { return Ok(None) };
    let name = signal.text()?;
    Ok((!name.is_empty()).then(|| StopSignal { name, field, place: signal.place() }))
}
