//! Where a number is from: code, the platform, or a variable, whose names stand here.

use std::{fmt, time::Duration};

use crate::{Platform, values::duration};

pub(super) const GRACE_PERIOD: &str = "LIFECYCLE_GRACE_PERIOD";
pub(super) const SHUTDOWN_DELAY: &str = "LIFECYCLE_SHUTDOWN_DELAY";
pub(super) const DRAIN_TIMEOUT: &str = "LIFECYCLE_DRAIN_TIMEOUT";
pub(super) const MAIN_TIMEOUT: &str = "LIFECYCLE_MAIN_TIMEOUT";
pub(super) const HOOK_TIMEOUT: &str = "LIFECYCLE_HOOK_TIMEOUT";
/// What the names of variables for single hooks begin with.
pub(super) const HOOK_TIMEOUT_OF: &str = "LIFECYCLE_HOOK_TIMEOUT__";
pub(super) const EXIT_TIMEOUT: &str = "LIFECYCLE_EXIT_TIMEOUT";
pub(super) const PLAN: &str = "LIFECYCLE_PLAN";
pub(super) const REPORT: &str = "LIFECYCLE_REPORT";
pub(super) const TERMINAL: &str = "LIFECYCLE_TERMINAL";
pub(super) const MANIFEST: &str = "LIFECYCLE_MANIFEST";
pub(super) const MANIFEST_PRE_STOP: &str = "LIFECYCLE_MANIFEST_PRE_STOP";
pub(super) const MANIFEST_MAX_KILL_TIMEOUT: &str = "LIFECYCLE_MANIFEST_MAX_KILL_TIMEOUT";
/// Set by systemd where it waits for the service to say that it is there.
pub(super) const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
pub(super) const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
/// A number and where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) source: Source,
}

/// Where a number is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Environment(&'static str),
    Code,
    Platform(Platform),
    Detected,
    Assumed,
    Default,
}

impl<T> Sourced<T> {
    pub(super) const fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }

    /// What `variable` says, else the code.
    pub(super) fn first(
        variable: &'static str,
        environment: Option<T>,
        code: Option<T>,
    ) -> Option<Self> {
        environment
            .map(|value| Self::new(value, Source::Environment(variable)))
            .or_else(|| code.map(|value| Self::new(value, Source::Code)))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => f.write_str(name),
            Self::Code => f.write_str("code"),
            Self::Platform(platform) => write!(f, "{platform}"),
            Self::Detected => f.write_str("detected"),
            Self::Assumed => f.write_str("assumed"),
            Self::Default => f.write_str("default"),
        }
    }
}

impl<T: Shown> fmt::Display for Sourced<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.show(f)?;
        write!(f, " ({})", self.source)
    }
}

/// How a number stands in the start-up line.
pub(crate) trait Shown {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl Shown for Duration {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", duration::display(*self))
    }
}

impl Shown for Option<Duration> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Some(duration) => duration.show(f),
            None => f.write_str("none"),
        }
    }
}

impl Shown for Platform {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
