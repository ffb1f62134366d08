//! Processes that belong to a child and are none of its tree.

use std::{fs, path::PathBuf, time::Duration};

use lifecycle_core::Signal;
use tokio::time::{Instant, sleep};

use crate::{
    Member,
    processes::{self, Process},
};

/// How long they have to end by themselves.
const ASKED: Duration = Duration::from_millis(500);

/// Between two looks: what is not a child of ours says nothing when it ends.
const PAUSE: Duration = Duration::from_millis(10);

/// Which other processes belong to a child, such as what it has started through a daemon of the
/// system. One matches when all that was said of it holds; one of which nothing was said matches
/// nothing. They have the user of the service, always; process 1, the service and those that it was
/// started by are never among them.
///
/// ```
/// use lifecycle_process::Filter;
///
/// let workers = Filter::new().name("worker").current_dir("/srv/jobs");
/// # let _ = workers;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Filter {
    name: Option<String>,
    command_line: Option<String>,
    folder: Option<PathBuf>,
}

impl Filter {
    /// Matches nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of the process, as the kernel has it: at most 15 bytes of the program's file name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().chars().take(15).collect());
        self
    }

    /// This stands in its command line, whose words are joined by spaces.
    pub fn command_line(mut self, part: impl Into<String>) -> Self {
        self.command_line = Some(part.into());
        self
    }

    /// It runs in this folder.
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    fn matches(&self, process: &Process) -> bool {
        let pid = process.member.pid;
        let is_named = self.name.as_ref().is_none_or(|name| *name == process.member.name);
        let is_called = || {
            let Some(part) = &self.command_line else { return true };
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ").contains(part)
        };
        let is_in = || {
            let Some(folder) = &self.folder else { return true };
            fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|link| link == *folder)
        };
        *self != Self::default() && is_named && is_called() && is_in()
    }
}

/// What became of them.
#[derive(Default)]
pub(crate) struct Others {
    pub(crate) found: Vec<Member>,
    pub(crate) killed: Vec<Member>,
}

/// Asks all that match to stop, and kills what does not within 500 ms.
pub(crate) async fn stop(filters: &[Filter], signal: Signal) -> Others {
    let mut others = Others::default();
    let matching = matching(filters);
    let Some(signal) = crate::signal::of_number(signal.number()) else {
        return others;
    };
    for process in &matching {
        others.found.push(process.member.clone());
        process.signal(signal);
        process.signal(rustix::process::Signal::CONT);
    }
    let until = Instant::now() + ASKED;
    let mut left = matching;
    while !left.is_empty() && Instant::now() < until {
        sleep(PAUSE).await;
        left.retain(Process::is_there);
    }
    for process in left {
        process.signal(rustix::process::Signal::KILL);
        others.killed.push(process.member);
    }
    others
}

fn matching(filters: &[Filter]) -> Vec<Process> {
    if filters.is_empty() {
        return Vec::new();
    }
    let user = rustix::process::geteuid().as_raw();
    let ours = with_ancestors(std::process::id());
    let is_of_user = |pid: u32| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(format!("/proc/{pid}")).is_ok_and(|about| about.uid() == user)
    };
    processes::all()
        .filter(|process| !ours.contains(&process.member.pid) && process.member.pid != 1)
        // The keepers of other children have the words of these.
        .filter(|process| process.member.name != crate::keeper::NAME)
        .filter(|process| !process.is_dead() && is_of_user(process.member.pid))
        .filter(|process| filters.iter().any(|filter| filter.matches(process)))
        .collect()
}

fn with_ancestors(pid: u32) -> Vec<u32> {
    std::iter::successors(Some(pid), |pid| {
        processes::read(*pid).map(|process| process.parent).filter(|parent| *parent > 1)
    })
    .collect()
}
