//! What a child says of its life: one line a fact, `@<nanoseconds> <words>`, each written by one
//! call.

use std::{io::Write, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// A signal that the storm sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `SIGTERM`.
    Term,
    /// `SIGINT`.
    Int,
    /// `SIGHUP`.
    Hup,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Term, Self::Int, Self::Hup];

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Term => 15,
            Self::Int => 2,
            Self::Hup => 1,
        }
    }

    /// As the library writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Term => "SIGTERM",
            Self::Int => "SIGINT",
            Self::Hup => "SIGHUP",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl From<Kind> for lifecycle_process_tests::Signal {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Term => Self::TERM,
            Kind::Int => Self::INT,
            Kind::Hup => Self::HUP,
        }
    }
}

/// What a signal does, by the rules or in the library's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// It asks for the stop.
    Stops,
    /// It is one with the last that counted.
    Merged,
    /// It changes nothing.
    Repeated,
    /// It ends the delay and the drain.
    Hurries,
    /// It ends the process.
    Exits,
}

impl Meaning {
    /// How the library says it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Stops => "asks for a graceful stop",
            Self::Merged => "came with the one before",
            Self::Repeated => "changes nothing",
            Self::Hurries => "ends the delay and the drain",
            Self::Exits => "ends the process",
        }
    }

    fn from_words(words: &str) -> Option<Self> {
        let all = [Self::Stops, Self::Merged, Self::Repeated, Self::Hurries, Self::Exits];
        all.into_iter().find(|meaning| words.starts_with(meaning.words()))
    }
}

/// Where a life stands, as far as the oracle cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// From the start of the process.
    Starting,
    /// From its readiness.
    Running,
    /// Balancers learn.
    Delaying,
    /// Work finishes.
    Draining,
    /// Hooks run.
    Stopping,
    /// The report is final.
    Stopped,
}

/// One fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The last thing before signals are heard.
    Up,
    /// The system says that all signals have handlers.
    Armed,
    /// Main began.
    Main,
    /// A stop was asked for by main's own return.
    MainReturned,
    /// The library says that its state changed.
    Entered(Stage),
    /// The library says that it heard a signal.
    Heard(Kind, Meaning),
    /// A tracked call is in its body.
    Began(u32),
    /// A tracked call is about to leave its body.
    Done(u32),
    /// Whoever made the tracked call has its answer.
    Answered(u32),
    /// A hook began.
    HookBegan,
    /// The last hook is about to end.
    HooksOver,
    /// The report's exit code.
    Report(i32),
}

/// A fact and when it was said, which is after it became true; for [`Fact::Up`] and [`Fact::Done`]
/// before it does.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// Time since boot.
    pub at: Duration,
    /// What.
    pub fact: Fact,
}

/// The clock that all processes share.
#[must_use]
pub fn now() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Says a fact. Once this is back the parent will read it, whatever becomes of this process.
pub fn say(words: &str) {
    let line = format!("@{} {words}\n", now().as_nanos());
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(line.as_bytes());
    let _ = stdout.flush();
}

impl Mark {
    /// Reads a line that [`say`] wrote; `None` for any other.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let (at, words) = line.strip_prefix('@')?.split_once(' ')?;
        Some(Self { at: Duration::from_nanos(at.parse().ok()?), fact: Fact::read(words)? })
    }
}

impl Fact {
    fn read(words: &str) -> Option<Self> {
        let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
        Some(match word {
            "up" => Self::Up,
            "armed" => Self::Armed,
            "main" => Self::Main,
            "main-returned" => Self::MainReturned,
            "state" => Self::Entered(match rest {
                "starting" => Stage::Starting,
                "running" => Stage::Running,
                "delaying" => Stage::Delaying,
                "draining" => Stage::Draining,
                "stopping" => Stage::Stopping,
                "stopped" => Stage::Stopped,
                _ => return None,
            }),
            "heard" => {
                let (name, did) = rest.split_once(' ')?;
                Self::Heard(Kind::from_name(name)?, Meaning::from_words(did)?)
            }
            "began" => Self::Began(rest.parse().ok()?),
            "done" => Self::Done(rest.parse().ok()?),
            "answered" => Self::Answered(rest.parse().ok()?),
            "hook-began" => Self::HookBegan,
            "hooks-over" => Self::HooksOver,
            "report" => Self::Report(rest.parse().ok()?),
            _ => return None,
        })
    }
}
