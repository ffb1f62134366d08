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
    /// Another one, of those that [`from_number`](Self::from_number) makes.
    #[non_exhaustive]
    Other {
        /// What the system calls it.
        number: u8,
    },
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
            Self::Other { number } => number as i32,
        }
    }

    /// The signal of this number: for images whose `STOPSIGNAL` is none of the usual ones, such as
    /// `SIGWINCH` or `SIGRTMIN+3` (37 on Linux). `None` for what is no signal of this system, and for
    /// those that nobody may handle: KILL and STOP, and the faults of a program (ILL, FPE, SEGV,
    /// BUS, TRAP, ABRT, SYS).
    #[must_use]
    pub const fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Hup),
            2 => Some(Self::Int),
            3 => Some(Self::Quit),
            15 => Some(Self::Term),
            _ if is_listenable(number) => Some(Self::Other { number: number as u8 }),
            _ => None,
        }
    }

    /// The signal of this name, as it is shown, with or without `SIG`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let name = name.strip_prefix("SIG").unwrap_or(name);
        let is = |signal: &Self| signal.to_string().strip_prefix("SIG") == Some(name);
        (1..=LAST).filter_map(Self::from_number).find(is)
    }

    /// What the system itself grants from this signal to the kill, whatever anybody configures: a
    /// console process of Windows has about 5 s after a close, log-off or shutdown event.
    pub(crate) const fn grace_limit(self) -> Option<Duration> {
        match self {
            Self::Hup | Self::Term if cfg!(windows) => Some(Duration::from_secs(5)),
            _ => None,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hup => f.pad("SIGHUP"),
            Self::Int => f.pad("SIGINT"),
            Self::Quit => f.pad("SIGQUIT"),
            Self::Term => f.pad("SIGTERM"),
            Self::Other { number } => f.pad(&other_name(i32::from(*number))),
        }
    }
}

/// The last number that may be a signal's.
const LAST: i32 = 64;

#[cfg(unix)]
const OTHERS: [(i32, &str); 15] = [
    (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGUSR2, "SIGUSR2"),
    (libc::SIGPIPE, "SIGPIPE"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGCHLD, "SIGCHLD"),
    (libc::SIGCONT, "SIGCONT"),
    (libc::SIGTSTP, "SIGTSTP"),
    (libc::SIGTTIN, "SIGTTIN"),
    (libc::SIGTTOU, "SIGTTOU"),
    (libc::SIGURG, "SIGURG"),
    (libc::SIGXCPU, "SIGXCPU"),
    (libc::SIGXFSZ, "SIGXFSZ"),
    (libc::SIGVTALRM, "SIGVTALRM"),
    (libc::SIGWINCH, "SIGWINCH"),
    (libc::SIGIO, "SIGIO"),
];

/// The first real-time signal that the C library leaves to programs. A constant, as it is in glibc
/// and in musl's numbering of names, so that a number has one name.
#[cfg(any(target_os = "linux", target_os = "android"))]
const FIRST_REAL_TIME: i32 = 34;

#[cfg(unix)]
const fn is_listenable(number: i32) -> bool {
    let mut at = 0;
    while at < OTHERS.len() {
        if OTHERS[at].0 == number {
            return true;
        }
        at += 1;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if number == libc::SIGPWR || (FIRST_REAL_TIME <= number && number <= LAST) {
        return true;
    }
    false
}

/// There are console events, which stand for the four.
#[cfg(windows)]
const fn is_listenable(_: i32) -> bool {
    false
}

fn other_name(number: i32) -> String {
    #[cfg(unix)]
    if let Some((_, name)) = OTHERS.iter().find(|(other, _)| *other == number) {
        return (*name).to_owned();
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match number - FIRST_REAL_TIME {
        0 => return "SIGRTMIN".to_owned(),
        1.. => return format!("SIGRTMIN+{}", number - FIRST_REAL_TIME),
        _ if number == libc::SIGPWR => return "SIGPWR".to_owned(),
        _ => {}
    }
    format!("signal {number}")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::Signal;

    #[test]
    fn each_number_that_may_be_handled_has_one_name_and_no_other_is_taken() {
        let known: Vec<_> = (-1..=70).filter_map(Signal::from_number).collect();
        assert_eq!(known.len(), 4 + 16 + 31, "{known:?}");
        for signal in known {
            assert_eq!(Signal::from_number(signal.number()), Some(signal));
            let name = signal.to_string();
            assert_eq!(Signal::from_name(&name), Some(signal), "{name}");
            assert_eq!(Signal::from_name(name.trim_start_matches("SIG")), Some(signal), "{name}");
        }
        for refused in [9, 19, 4, 5, 6, 7, 8, 11, 31, 0, 65] {
            assert_eq!(Signal::from_number(refused), None, "{refused}");
        }
        let name = |number| Signal::from_number(number).unwrap().to_string();
        assert_eq!([name(28), name(37), name(34)], ["SIGWINCH", "SIGRTMIN+3", "SIGRTMIN"]);
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
