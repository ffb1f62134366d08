use std::{fmt, os::unix::process::ExitStatusExt};

use lifecycle_core::Signal;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// With this code.
    Code(i32),
    /// By the signal of this number.
    Signal(i32),
}

impl ExitStatus {
    pub(crate) fn of(status: std::process::ExitStatus) -> Self {
        match status.signal() {
            Some(number) => Self::Signal(number),
            None => Self::Code(status.code().unwrap_or_default()),
        }
    }

    /// Whether that is what a program ends with that was asked to stop: 0, the signal, or 128 and
    /// its number, which is how shells and several runtimes pass it on.
    #[must_use]
    pub fn is_clean_stop(self, signal: Signal) -> bool {
        match self {
            Self::Code(code) => code == 0 || code == 128 + signal.number(),
            Self::Signal(number) => number == signal.number(),
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(9) => f.write_str("SIGKILL"),
            Self::Signal(number) => match Signal::from_number(*number) {
                Some(signal) => write!(f, "{signal}"),
                None => write!(f, "signal {number}"),
            },
        }
    }
}
