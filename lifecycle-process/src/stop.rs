//! How a child is stopped: asked, given its time, killed with all of its tree, proved gone.

use std::{fmt, time::Duration};

use lifecycle_core::Signal;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::{
    Containment, ExitStatus, Member,
    child::{Inner, Run, Seen},
    ports::{self, HeldPort},
};

/// What a stop takes at most beyond the child's own time: to kill the tree, to see it gone and to
/// read the rest of its output.
pub(crate) const KILL_TIMEOUT: Duration = Duration::from_millis(2500);

/// How long what a child has left behind has to end by itself, as workers do whose parent is gone.
const FOLLOW_TIMEOUT: Duration = Duration::from_millis(100);

/// How a child was stopped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stopped {
    /// What it is called.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// How it ended; `None` while it is still there, or where nobody knows.
    pub status: Option<ExitStatus>,
    /// What it was asked with; `None`: it had ended before.
    pub signal: Option<Signal>,
    /// How long it had to end by itself.
    pub timeout: Duration,
    /// What was killed, the deepest first: it had not ended by then, or outlived the child.
    pub killed: Vec<Member>,
    /// What was none of its tree, belonged to it by a [`Filter`](crate::Filter), and was asked to
    /// stop.
    pub others: Vec<Member>,
    /// What was killed and is still there.
    pub stuck: Vec<Member>,
    /// Its ports that somebody listens on still, who is none of its processes and was left alone.
    pub ports: Vec<HeldPort>,
    /// How long all of it took.
    pub took: Duration,
    /// Its last lines.
    pub tail: Vec<String>,
    /// What held its tree together.
    pub containment: Containment,
}

impl Stopped {
    /// Whether it had to be killed, or left somebody behind that had to.
    #[must_use]
    pub fn escalated(&self) -> bool {
        !self.killed.is_empty()
    }
}

/// One line: who, how, in which time, what was killed, the last lines.
impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} ", self.pid)?;
        match (self.status, self.signal) {
            (Some(status), Some(signal)) => write!(f, "ended by {status} after {signal}")?,
            (Some(status), None) => write!(f, "had ended by {status}")?,
            (None, _) => f.write_str("has not ended")?,
        }
        write!(f, " in {:.1?}, held by a {}", self.took, self.containment)?;
        if self.escalated() {
            write!(f, ", {} killed: {}", self.killed.len(), list(&self.killed))?;
        }
        if !self.others.is_empty() {
            write!(f, ", stopped beside it: {}", list(&self.others))?;
        }
        if !self.stuck.is_empty() {
            write!(f, ", still there: {}", list(&self.stuck))?;
        }
        for held in &self.ports {
            write!(f, ", {held}")?;
        }
        if !self.tail.is_empty() {
            write!(f, ", its last lines: {}", self.tail.join(" / "))?;
        }
        Ok(())
    }
}

/// Why a child's stop is not clean.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StopError {
    /// It did not end in its time, or left somebody behind: what was killed may have been cut in its
    /// work.
    #[error("{}", killed(.0))]
    Killed(Box<Stopped>),
    /// It ended as no program does that was asked to stop.
    #[error("`{}` ({}) ended with {} when it was asked to stop by {}{}", .0.name, .0.pid,
        text(.0.status), text(.0.signal), last_words(.0))]
    Failed(Box<Stopped>),
    /// The kernel cannot end it now: it waits for a device or a filesystem.
    #[error("{} of `{}` was killed and is still there: see /proc/{}/wchan for what it waits for",
        list(&.0.stuck), .0.name, .0.stuck.first().map_or(0, |member| member.pid))]
    Stuck(Box<Stopped>),
    /// The keeper was killed by somebody: what is left of the tree is unknown.
    #[error("the keeper of `{}` ({}) is gone, somebody killed it: its process group was killed, and \
        what has left that is not known", .0.name, .0.pid)]
    Lost(Box<Stopped>),
    /// A port of its is still listened on, by somebody who is none of its processes and was left
    /// alone: the service itself, who passed the socket on to both, a stranger.
    #[error("`{}`: {}: none of its processes, and left alone", .0.name, ports::list(&.0.ports))]
    PortHeld(Box<Stopped>),
}

impl StopError {
    /// How far the stop came.
    #[must_use]
    pub fn stopped(&self) -> &Stopped {
        match self {
            Self::Killed(stopped)
            | Self::Failed(stopped)
            | Self::Stuck(stopped)
            | Self::Lost(stopped)
            | Self::PortHeld(stopped) => stopped,
        }
    }
}

fn text(of: Option<impl fmt::Display>) -> String {
    of.map_or_else(|| "nothing known".to_owned(), |of| of.to_string())
}

pub(crate) fn list(members: &[Member]) -> String {
    const MOST: usize = 5;
    let mut text = members.iter().take(MOST).map(Member::to_string).collect::<Vec<_>>().join(", ");
    if members.len() > MOST {
        text += &format!(" and {} more", members.len() - MOST);
    }
    text
}

fn last_words(stopped: &Stopped) -> String {
    stopped.tail.last().map_or_else(String::new, |line| format!("; its last line: {line}"))
}

fn killed(stopped: &Stopped) -> String {
    let Stopped { name, pid, timeout, killed, .. } = stopped;
    let why = if timeout.is_zero() {
        "had no time left to end by itself".to_owned()
    } else if killed.iter().any(|member| member.pid == *pid) {
        let signal = text(stopped.signal);
        format!("did not end by {signal} in {timeout:.1?}")
    } else {
        "left processes behind".to_owned()
    };
    format!("`{name}` ({pid}) {why}: killed {}{}", list(killed), last_words(stopped))
}

/// Stops it. When this returns, nothing of its tree is left, or the error says what is. Not cancel
/// safe in its time: dropped half-way, the tree is as it was left; the keeper still ends with the
/// service.
pub(crate) async fn stop(inner: &Inner, mut run: Run) -> Result<Stopped, StopError> {
    let began = Instant::now();
    let mut stopped = Stopped {
        name: inner.name().to_owned(),
        pid: run.pid,
        status: None,
        signal: None,
        timeout: Duration::ZERO,
        killed: Vec::new(),
        others: Vec::new(),
        stuck: Vec::new(),
        ports: Vec::new(),
        took: Duration::ZERO,
        tail: Vec::new(),
        containment: run.containment,
    };
    if run.seen.borrow().status.is_none() {
        // Enough is left to kill it, of whatever the stop has.
        let left = lifecycle_core::time_left().map(|left| left.saturating_sub(KILL_TIMEOUT / 2));
        stopped.timeout = inner.stop_timeout().min(left.unwrap_or(Duration::MAX));
        stopped.signal = Some(inner.stop_signal());
        run.control.signal(inner.stop_signal());
        let ended = run.seen.wait_for(|seen| seen.status.is_some() || seen.is_over());
        let _ = timeout_at(began + stopped.timeout, ended).await;
    }
    // Those that end because it did are on their way.
    let leaves = (began + stopped.timeout).min(Instant::now() + FOLLOW_TIMEOUT);
    let _ = timeout_at(leaves, run.seen.wait_for(Seen::is_over)).await;
    if !run.seen.borrow().is_over() {
        run.control.kill();
    }
    let over = run.seen.wait_for(|seen| seen.is_over() || !seen.stuck.is_empty());
    let _ = timeout_at(Instant::now() + KILL_TIMEOUT, over).await;
    inner.finish_output().await;
    let seen = run.seen.borrow().clone();
    stopped.status = seen.status;
    stopped.killed = seen.killed;
    stopped.stuck = seen.stuck;
    #[cfg(target_os = "linux")]
    {
        let others = crate::others::stop(inner.others(), inner.stop_signal()).await;
        stopped.others = others.found;
        stopped.killed.extend(others.killed);
    }
    stopped.ports = inner.ports().iter().filter_map(|port| ports::held(*port)).collect();
    stopped.took = began.elapsed();
    stopped.tail = inner.tail();
    if !stopped.stuck.is_empty() || !(seen.is_gone || seen.is_lost) {
        return Err(StopError::Stuck(Box::new(stopped)));
    }
    if seen.is_lost {
        run.control.kill();
        return Err(StopError::Lost(Box::new(stopped)));
    }
    if stopped.escalated() {
        return Err(StopError::Killed(Box::new(stopped)));
    }
    if let (Some(status), Some(signal)) = (stopped.status, stopped.signal)
        && !status.is_clean_stop(signal)
    {
        return Err(StopError::Failed(Box::new(stopped)));
    }
    if !stopped.ports.is_empty() {
        return Err(StopError::PortHeld(Box::new(stopped)));
    }
    Ok(stopped)
}
