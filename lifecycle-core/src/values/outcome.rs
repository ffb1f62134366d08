use std::fmt;

/// What became of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It returned in time.
    Completed,
    /// It returned by itself, after its timeout.
    Late,
    /// It returned this error.
    Failed(String),
    /// It panicked with this text.
    Panicked(String),
    /// It was cancelled at its timeout.
    TimedOut,
    /// It did not go when it was cancelled: a function that is not async, or one that blocks its
    /// thread. Its successors ran beside it.
    Stuck,
    /// It did not run, for this reason: a resource it asks for was not there.
    Skipped(String),
    /// The stop ended before its turn.
    NotStarted,
    /// It was unregistered before its turn came.
    Unregistered,
    /// It is there `if_provided`, and a resource that it asks for never was: this one.
    NotProvided(String),
}

impl Outcome {
    /// One of each kind, those that have a text with this one.
    pub(crate) fn every(text: &str) -> [Self; 10] {
        [
            Self::Completed,
            Self::Late,
            Self::Failed(text.to_owned()),
            Self::Panicked(text.to_owned()),
            Self::TimedOut,
            Self::Stuck,
            Self::Skipped(text.to_owned()),
            Self::NotStarted,
            Self::Unregistered,
            Self::NotProvided(text.to_owned()),
        ]
    }

    /// Whether it did its work in time.
    #[must_use]
    pub const fn is_completed(&self) -> bool {
        matches!(self, Self::Completed)
    }

    /// Its kind in a word or two, such as `timed out`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Late => "late",
            Self::Failed(_) => "failed",
            Self::Panicked(_) => "panicked",
            Self::TimedOut => "timed out",
            Self::Stuck => "stuck",
            Self::Skipped(_) => "skipped",
            Self::NotStarted => "not started",
            Self::Unregistered => "unregistered",
            Self::NotProvided(_) => "not provided",
        }
    }

    /// What it was that went wrong, where the hook or the library said so.
    pub(crate) const fn text(&self) -> Option<&String> {
        match self {
            Self::Failed(text)
            | Self::Panicked(text)
            | Self::Skipped(text)
            | Self::NotProvided(text) => Some(text),
            _ => None,
        }
    }

    /// A sign for people that needs no colour.
    #[must_use]
    pub const fn sign(&self) -> char {
        match self {
            Self::Completed => '+',
            Self::Late => '~',
            Self::Failed(_) => 'x',
            Self::Panicked(_) => '!',
            Self::TimedOut => 'T',
            Self::Stuck => '#',
            Self::Skipped(_) => '-',
            Self::NotStarted => '.',
            Self::Unregistered => ' ',
            Self::NotProvided(_) => '/',
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Late => f.write_str("late: it ended after its timeout"),
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Panicked(text) => write!(f, "panicked: {text}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Stuck => f.write_str("stuck: it could not be stopped"),
            Self::Skipped(why) => write!(f, "skipped: {why}"),
            Self::NotStarted => f.write_str("not started"),
            Self::Unregistered => f.write_str("unregistered before its turn"),
            Self::NotProvided(what) => write!(f, "not there: {what}"),
        }
    }
}
