use std::fmt;

use crate::{Signal, SignalSender, text::redact::redact};

/// Why a lifecycle stops. The first reason wins; later ones change nothing.
///
/// The idea of an open, recorded reason is Apache Pekko's `CoordinatedShutdown.Reason`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A signal asked for it.
    Signal {
        /// Which.
        signal: Signal,
        /// Who sent it, where the system tells.
        sender: Option<SignalSender>,
    },
    /// The application asked for it by [`shutdown`](crate::shutdown).
    Requested(String),
    /// The application asked for it and calls it a failure: the exit code is 1.
    Failure(String),
    /// `main` returned, and nothing else had asked for a stop.
    MainReturned,
    /// `main` returned this error, and nothing else had asked for a stop.
    MainFailed(String),
    /// `main` panicked with this text, and nothing else had asked for a stop.
    MainPanicked(String),
    /// The `run` future was dropped: a stop without hooks.
    RunDropped,
    /// The plan or the configuration is invalid; `main` was not run.
    Invalid(String),
}

impl Reason {
    /// Its kind in one word, as the JSON of a report has it: `signal`, `main_returned`. There are as
    /// many as there are variants, whatever their texts say.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Signal { .. } => "signal",
            Self::Requested(_) => "requested",
            Self::Failure(_) => "failure",
            Self::MainReturned => "main_returned",
            Self::MainFailed(_) => "main_failed",
            Self::MainPanicked(_) => "main_panicked",
            Self::RunDropped => "run_dropped",
            Self::Invalid(_) => "invalid",
        }
    }

    /// A stop that is a failure: the exit code is 1.
    #[must_use]
    pub fn failure(why: impl Into<String>) -> Self {
        Self::Failure(why.into())
    }

    /// A stop that was asked for, and is no failure. `shutdown("text")` makes the same.
    #[must_use]
    pub fn requested(why: impl Into<String>) -> Self {
        Self::Requested(why.into())
    }

    /// Whether the exit code is 1 for this reason alone.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failure(_) | Self::MainFailed(_) | Self::MainPanicked(_))
    }

    /// What the application wrote goes into logs and reports. It may ask for a stop with any of them.
    pub(crate) fn redacted(self) -> Self {
        match self {
            Self::Requested(why) => Self::Requested(redact(&why)),
            Self::Failure(why) => Self::Failure(redact(&why)),
            Self::MainFailed(error) => Self::MainFailed(redact(&error)),
            Self::MainPanicked(text) => Self::MainPanicked(redact(&text)),
            Self::Invalid(why) => Self::Invalid(redact(&why)),
            Self::Signal { .. } | Self::MainReturned | Self::RunDropped => self,
        }
    }
}

impl From<&str> for Reason {
    fn from(why: &str) -> Self {
        Self::requested(why)
    }
}

impl From<String> for Reason {
    fn from(why: String) -> Self {
        Self::Requested(why)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal { signal, sender: Some(sender) } => write!(f, "{signal} from {sender}"),
            Self::Signal { signal, sender: None } => write!(f, "{signal}"),
            Self::Requested(why) => write!(f, "requested: {why}"),
            Self::Failure(why) => write!(f, "failure: {why}"),
            Self::MainReturned => f.write_str("main returned"),
            Self::MainFailed(error) => write!(f, "main failed: {error}"),
            Self::MainPanicked(text) => write!(f, "main panicked: {text}"),
            Self::RunDropped => f.write_str("the run future was dropped"),
            Self::Invalid(why) => write!(f, "{why}"),
        }
    }
}
