use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use crate::{
    Signal, Stream,
    output::{Line, shown},
};

/// What is said of a process that ended too late, and of nothing else.
pub(crate) const LATE: &str = "from the last signal, more than";

/// The code of a process that the platform had to kill.
pub(crate) const KILLED: i32 = 137;

/// The code of a process that its deadline ended.
const DEADLINE: i32 = 124;

/// How a process ended. A shell cannot tell the two apart, and the library must: 143 by its own
/// hand is an answer to a signal, and being killed by it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code; or with 137, when the platform killed it.
    Code(i32),
    /// By the default action of this signal.
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        let signal = || Self::Signal(status.signal().unwrap_or_default());
        status.code().map_or_else(signal, Self::Code)
    }
}

/// What is known of a process that has ended. The methods check, and show everything it printed
/// when they are not content.
#[derive(Clone, Debug)]
pub struct Ending {
    pub(crate) what: String,
    pub(crate) exit: Exit,
    pub(crate) elapsed: Duration,
    pub(crate) since_signals: Vec<Duration>,
    pub(crate) lines: Vec<Line>,
}

impl Ending {
    /// How it ended.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// From its start to its end.
    pub const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// From the first signal that the test sent to its end.
    pub fn since_first_signal(&self) -> Duration {
        self.since_signals.first().copied().unwrap_or(self.elapsed)
    }

    /// From the last signal that the test sent to its end.
    pub fn since_last_signal(&self) -> Duration {
        self.since_signals.last().copied().unwrap_or(self.elapsed)
    }

    /// The lines of one stream.
    pub fn lines(&self, stream: Stream) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |line| line.stream == stream).map(|line| line.text.as_str())
    }

    /// How many lines contain `text`.
    pub fn count(&self, text: &str) -> usize {
        self.lines.iter().filter(|line| line.text.contains(text)).count()
    }

    /// When the first line that contains `text` came, from its start.
    #[track_caller]
    pub fn at(&self, text: &str) -> Duration {
        match self.lines.iter().find(|line| line.text.contains(text)) {
            Some(line) => line.at,
            None => self.fail(&format!("never said {text:?}")),
        }
    }

    /// It ended by itself with `code`, and where it printed a report's code, with that.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        if self.exit != Exit::Code(code) {
            let wrong = format!("should end with code {code} and ended with {:?}", self.exit);
            // Whoever is ended by the platform, or by its deadline, was late.
            let was_late = matches!(self.exit, Exit::Code(KILLED | DEADLINE));
            self.fail(&if was_late { format!("{wrong}: {LATE} it had") } else { wrong });
        }
        for reported in self.lines.iter().filter_map(|line| line.text.strip_prefix("report code: "))
        {
            if reported != code.to_string() {
                self.fail(&format!("ended with {code} and its report says {reported}"));
            }
        }
        self
    }

    /// The default action of `signal` ended it.
    #[track_caller]
    pub fn is_killed_by(&self, signal: Signal) -> &Self {
        if self.exit != Exit::Signal(signal.as_raw()) {
            self.fail(&format!("should be killed by {signal:?} and ended with {:?}", self.exit));
        }
        self
    }

    /// Some line contains `text`.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        if self.count(text) == 0 {
            self.fail(&format!("never said {text:?}"));
        }
        self
    }

    /// Exactly `count` lines contain `text`.
    #[track_caller]
    pub fn says_times(&self, text: &str, count: usize) -> &Self {
        if self.count(text) != count {
            self.fail(&format!(
                "should say {text:?} {count} times and did so {}",
                self.count(text)
            ));
        }
        self
    }

    /// No line contains `text`.
    #[track_caller]
    pub fn never_says(&self, text: &str) -> &Self {
        self.says_times(text, 0)
    }

    /// Lines that contain these texts came in this order on standard output, whatever came between.
    #[track_caller]
    pub fn says_in_order(&self, texts: &[&str]) -> &Self {
        let mut lines = self.lines(Stream::Stdout);
        for (at, text) in texts.iter().enumerate() {
            if !lines.any(|line| line.contains(text)) {
                self.fail(&format!("did not say {text:?} after {:?}", &texts[..at]));
            }
        }
        self
    }

    /// From the last signal to the end it took at most this long.
    #[track_caller]
    pub fn ends_within(&self, limit: Duration) -> &Self {
        let took = self.since_last_signal();
        if took > limit {
            self.fail(&format!("took {took:.3?} {LATE} {limit:?}"));
        }
        self
    }

    /// It and all it printed, with what is wrong about it.
    #[track_caller]
    pub fn fail(&self, wrong: &str) -> ! {
        panic!("{}: {wrong}; {self}", self.what)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} after {:.3?}, ", self.exit, self.elapsed)?;
        f.write_str(&shown(&self.lines))
    }
}
