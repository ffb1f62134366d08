use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A signal that asks a process to stop, or the console event of Windows that stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGHUP`, 1: the terminal went away. On Windows: the console is closing.
    Hup,
    /// `SIGINT`, 2: Ctrl-C.
    Int,
    /// `SIGQUIT`, 3: Ctrl-\, and what some images set as their `STOPSIGNAL`. On Windows:
    /// Ctrl-Break.
    Quit,
    /// `SIGTERM`, 15: what managers send. On Windows: log-off and system shutdown.
    Term,
}

impl Signal {
    /// What [`Config::signals`](crate::Config::signals) is when nobody sets it: `Term`, `Int`,
    /// `Hup`.
    pub const DEFAULT: [Self; 3] = [Self::Term, Self::Int, Self::Hup];

    /// The number that Unix gives it.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Hup => 1,
            Self::Int => 2,
            Self::Quit => 3,
            Self::Term => 15,
        }
    }

    /// What the system itself grants from this signal to the kill, whatever anybody configures: a
    /// console process of Windows has about 5 s after a close, log-off or shutdown event.
    pub(crate) const fn grace_limit(self) -> Option<Duration> {
        match self {
            Self::Hup | Self::Term if cfg!(windows) => Some(Duration::from_secs(5)),
            _ => None,
        }
    }

    #[cfg(unix)]
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        [Self::Hup, Self::Int, Self::Quit, Self::Term]
            .into_iter()
            .find(|signal| signal.number() == number)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hup => "SIGHUP",
            Self::Int => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::Term => "SIGTERM",
        })
    }
}

/// Who sent a signal, where the system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SignalSender {
    /// The kernel: a key of the terminal, or the terminal going away.
    Kernel,
    /// A process.
    Process {
        /// Its id at the time; 0 when it lives outside this process's PID namespace.
        pid: u32,
        /// Its real user id.
        uid: u32,
    },
}

impl fmt::Display for SignalSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel => f.write_str("the terminal"),
            Self::Process { pid: 0, uid } => {
                write!(f, "a process outside this PID namespace, uid {uid}")
            }
            Self::Process { pid, uid } => write!(f, "pid {pid}, uid {uid}"),
        }
    }
}
