//! What is wrong with a configuration or an environment.

use thiserror::Error;

use super::source::{MANIFEST, NOTIFY_SOCKET, PLAN, REPORT, Source, TERMINAL, WATCHDOG_USEC};
use crate::values::duration;

/// What is said where a manifest is to be read by a program that cannot.
pub(crate) const NO_READER: &str =
    "this program reads no manifests; build it with the feature `manifest` of `lifecycle-hooks`";

/// What is said where a picture is asked for that this program cannot draw.
pub(crate) const NO_PICTURES: &str =
    "this program draws no pictures; build it with the feature `pictures` of `lifecycle-hooks`";

/// What is said where operators are to be answered by a program that cannot.
#[cfg(feature = "admin")]
pub(super) const NO_ADMIN: &str =
    "this program has no admin socket; build it with the feature `admin` of `lifecycle-hooks`";

/// What is said where probes are to be answered by a program that cannot.
#[cfg(feature = "health")]
pub(super) const NO_HEALTH: &str =
    "this program answers no probes; build it with the feature `http` of `lifecycle-hooks`";

/// One thing that is wrong, or only looks wrong: see [`is_error`](Self::is_error). `Display` is for
/// a person; whoever has to know what it is about asks [`variable`](Self::variable).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Diagnostic {
    #[error("{variable}={value}: {why}")]
    NoDuration { variable: String, value: String, why: duration::ParseError },
    #[error("{variable}={value}: a hook without time cannot run; write for instance `5s`")]
    NoTimeForOneHook { variable: String, value: String },
    #[error(
        "a grace period of 0s ({set_by}) leaves no time to stop; write for instance `30s`, or `none` for no limit"
    )]
    NoGrace { set_by: Source },
    #[error(
        "a hook timeout of 0s ({set_by}): a hook without time cannot run; write for instance `5s`"
    )]
    NoTimeForHooks { set_by: Source },
    #[error("{variable}: several hooks end in that name; write more of it, as in `MODULE__NAME`")]
    SeveralHooks { variable: String },
    /// The hook may be registered later.
    #[error(
        "{variable}: no hook of that name is in the plan yet; if none is registered later, correct the name or leave it out"
    )]
    NoHook { variable: String },
    #[error("{variable}={value}: {NO_PICTURES}")]
    NoPictures { variable: &'static str, value: String },
    #[error("{REPORT}={path}: the end of the path says how it is written; let it be {}", formats(.linked))]
    NoReportFormat { path: String, linked: Vec<&'static str> },
    #[error("{PLAN}={value}: write {}", answers(.linked))]
    NoPlanAnswer { value: String, linked: Vec<&'static str> },
    #[error("{MANIFEST}= is empty; write the path of a manifest, or leave it out")]
    EmptyManifest,
    #[error("{MANIFEST}={path}: {NO_READER}")]
    NoManifests { path: String },
    #[error(
        "{MANIFEST}={path} says nothing without {PLAN}=check; set that as well, or leave this out"
    )]
    UselessManifest { path: String },
    #[error(
        "{variable} says nothing without {PLAN}=check and {MANIFEST}; set these as well, or leave this out"
    )]
    UselessOfManifest { variable: &'static str },
    #[error(
        "{NOTIFY_SOCKET} is set: systemd waits for READY=1, which this program does not send; build it with the feature \
         `systemd` of `lifecycle-hooks`, let the service send it, or write `Type=exec` in its unit"
    )]
    NobodyNotifies,
    #[error(
        "{WATCHDOG_USEC} is set: systemd restarts the service unless it sends WATCHDOG=1, which this program does not; \
         build it with the feature `systemd` of `lifecycle-hooks`, let the service send it, or leave `WatchdogSec=` \
         out of its unit"
    )]
    NobodyFeeds,
    #[error(
        "Config::extend_up_to({up_to}) is no more than the grace period of {grace} ({set_by}): no stop is extended"
    )]
    NothingToExtend { up_to: String, grace: String, set_by: Source },
    #[error(
        "Config::extend_up_to: this program speaks to no service manager, and no stop is extended; build it with the \
         feature `systemd` of `lifecycle-hooks`"
    )]
    NobodyExtends,
    #[error("{TERMINAL}={value}: write `off`, `unclean` or `full`")]
    NoTerminal { value: String },
    #[error("{variable} is not a variable of lifecycle{}", did_you_mean(*.near))]
    UnknownVariable { variable: String, near: Option<&'static str> },
}

impl Diagnostic {
    /// Whether nothing can run with it. The others are warnings.
    pub(crate) const fn is_error(&self) -> bool {
        !matches!(
            self,
            Self::NoHook { .. }
                | Self::UselessManifest { .. }
                | Self::UselessOfManifest { .. }
                | Self::NobodyNotifies
                | Self::NobodyFeeds
                | Self::NothingToExtend { .. }
                | Self::NobodyExtends
                | Self::UnknownVariable { .. }
        )
    }

    /// The variable of the environment that it is about; `None` where it is about the code.
    pub(crate) fn variable(&self) -> Option<&str> {
        match self {
            Self::NoDuration { variable, .. }
            | Self::NoTimeForOneHook { variable, .. }
            | Self::SeveralHooks { variable }
            | Self::NoHook { variable }
            | Self::UnknownVariable { variable, .. } => Some(variable),
            Self::NoGrace { set_by }
            | Self::NoTimeForHooks { set_by }
            | Self::NothingToExtend { set_by, .. } => match set_by {
                Source::Environment(variable) => Some(variable),
                _ => None,
            },
            Self::NoPictures { variable, .. } | Self::UselessOfManifest { variable } => {
                Some(variable)
            }
            Self::NobodyExtends => None,
            Self::NobodyNotifies => Some(NOTIFY_SOCKET),
            Self::NobodyFeeds => Some(WATCHDOG_USEC),
            Self::NoTerminal { .. } => Some(TERMINAL),
            Self::NoReportFormat { .. } => Some(REPORT),
            Self::NoPlanAnswer { .. } => Some(PLAN),
            Self::EmptyManifest | Self::NoManifests { .. } | Self::UselessManifest { .. } => {
                Some(MANIFEST)
            }
        }
    }
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(|| "; leave it out".to_owned(), |known| format!("; did you mean {known}?"))
}

fn formats(linked: &[&str]) -> String {
    let linked = linked.iter().map(|name| format!(".{name}"));
    choice(linked, &[".txt", ".json", ".svg", ".html"])
}

fn answers(linked: &[&str]) -> String {
    let linked = linked.iter().map(|name| format!("`{name}`"));
    choice(linked, &["`text`", "`json`", "`mermaid`", "`dot`", "`svg`", "`check`"])
}

/// `known`, and what is `linked` beside it, as a list of which one is meant.
fn choice(linked: impl Iterator<Item = String>, known: &[&str]) -> String {
    let linked: Vec<_> = linked.filter(|name| !known.contains(&name.as_str())).collect();
    let mut names: Vec<_> =
        linked.iter().map(String::as_str).chain(known.iter().copied()).collect();
    let last = names.pop().unwrap_or_default();
    format!("{} or {last}", names.join(", "))
}
