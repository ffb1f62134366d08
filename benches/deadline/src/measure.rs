//! One run: a child process, the signals that it gets, and when it is gone.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::{GRACE, app::RESULT, flavour::Flavour, peer::Peer, setup::SetUp};

/// From `ready` to the first signal: main blocks by then, the tasks wait.
const SETTLES: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) set_up: SetUp,
    pub(crate) flavour: Flavour,
    pub(crate) peer: Peer,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) case: Case,
    /// From the first signal to the end of the process.
    pub(crate) gone: Duration,
    /// From the first signal to when it had to be gone.
    due: Duration,
    /// How much too late this program itself sent a signal, at worst: the noise of the machine.
    pub(crate) noise: Duration,
    pub(crate) status: ExitStatus,
    /// What the peer said that the stop came to.
    pub(crate) result: Option<String>,
    /// How many culprits a complaint on stderr named, and how many there were; none where none has
    /// a name.
    pub(crate) named: Option<(usize, usize)>,
    pub(crate) stderr: Vec<String>,
}

impl Run {
    /// What the process took beyond the moment at which it had to be gone.
    pub(crate) fn overshoot(&self) -> Duration {
        self.gone.saturating_sub(self.due)
    }

    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal() == Some(Signal::KILL.as_raw())
    }
}

/// How a child was stopped.
struct Stopped {
    asked: Instant,
    /// When each signal was to be sent and when it was, from `asked` on.
    sent: Vec<(Duration, Duration)>,
    gone: Instant,
    status: ExitStatus,
}

impl Case {
    pub(crate) fn run(self) -> io::Result<Run> {
        let mut child = self.start()?;
        let errors = child.stderr.take().map(|stderr| thread::spawn(move || stamped(stderr)));
        let mut output = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        if line.trim() != "ready" {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!("{self}: no `ready`, but `{}`", line.trim())));
        }
        thread::sleep(SETTLES);
        let Stopped { asked, sent, gone, status } = self.stop(child)?;
        let mut rest = String::new();
        output.read_to_string(&mut rest)?;
        let stderr = errors.and_then(|errors| errors.join().ok()).unwrap_or_default();
        let said: Vec<String> =
            stderr.into_iter().filter(|(at, _)| *at >= asked).map(|(_, line)| line).collect();
        let result = rest.lines().find_map(|line| line.strip_prefix(RESULT)).map(str::to_owned);
        Ok(Run {
            case: self,
            gone: gone - asked,
            due: self.due(&sent),
            noise: sent.iter().map(|(planned, at)| at.saturating_sub(*planned)).max().unwrap_or_default(),
            status,
            result: result.or_else(|| self.last_word(&said)),
            named: self.named(&said),
            stderr: said,
        })
    }

    fn start(self) -> io::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LIFECYCLE_") {
                command.env_remove(name);
            }
        }
        command
            .args(["child", &self.peer.to_string(), &self.set_up.to_string(), &self.flavour.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    /// Plays the user and the platform: the signals in their time, and SIGKILL at the end of the
    /// grace period.
    fn stop(self, mut child: Child) -> io::Result<Stopped> {
        let pid = Pid::from_child(&child);
        let (over, is_over) = mpsc::channel::<()>();
        let asked = Instant::now();
        let platform = thread::spawn(move || {
            let kill = std::iter::once((GRACE, Signal::KILL));
            let mut sent = Vec::new();
            for (at, signal) in self.set_up.signals().into_iter().chain(kill) {
                match is_over.recv_timeout((asked + at).saturating_duration_since(Instant::now())) {
                    // The process is a zombie at most, as nobody has waited for it: `pid` is still
                    // its own.
                    Err(RecvTimeoutError::Timeout) => {
                        sent.push((at, asked.elapsed()));
                        let _ = kill_process(pid, signal);
                    }
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            sent
        });
        while let Err(rustix::io::Errno::INTR) =
            waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        {}
        let gone = Instant::now();
        drop(over);
        let sent = platform.join().unwrap_or_default();
        Ok(Stopped { asked, sent, gone, status: child.wait()? })
    }

    /// Where the last Ctrl-C ends the process: when it was sent, which on a busy machine is late.
    fn due(self, sent: &[(Duration, Duration)]) -> Duration {
        let due = self.set_up.due();
        sent.iter().find(|(planned, _)| *planned == due).map_or(due, |(_, at)| *at)
    }

    /// `lifecycle` speaks to stderr and by the exit code; its main gets no result to print.
    fn last_word(self, said: &[String]) -> Option<String> {
        const WORDS: [(&str, &str); 4] = [
            ("has passed: exit", "deadline passed"),
            ("again: exit", "forced"),
            ("not cleanly", "stopped, not cleanly"),
            ("stopped cleanly", "stopped cleanly"),
        ];
        let word = WORDS.into_iter().find(|(sign, _)| said.iter().any(|line| line.contains(sign)));
        word.filter(|_| self.peer == Peer::Lifecycle).map(|(_, word)| word.to_owned())
    }

    /// A line of information names hooks that are well, too: only warnings, errors and bare lines
    /// count.
    fn named(self, said: &[String]) -> Option<(usize, usize)> {
        let culprits = self.set_up.culprits(self.flavour);
        let complaints: Vec<_> = said.iter().filter(|line| !line.trim_start().starts_with("INFO")).collect();
        let is_named = |culprit: &&String| complaints.iter().any(|line| line.contains(culprit.as_str()));
        (!culprits.is_empty()).then(|| (culprits.iter().filter(is_named).count(), culprits.len()))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.peer, self.set_up, self.flavour)
    }
}

fn stamped(stderr: impl Read) -> Vec<(Instant, String)> {
    BufReader::new(stderr).lines().map_while(Result::ok).map(|line| (Instant::now(), line)).collect()
}
