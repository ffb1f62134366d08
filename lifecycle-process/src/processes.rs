//! The processes of this machine, as `/proc` shows them.

use std::{fs, os::fd::OwnedFd};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::Member;

/// One process, and what tells it from a later one of the same id.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) member: Member,
    pub(crate) parent: u32,
    /// When it was started, in ticks since boot.
    pub(crate) start: u64,
}

impl Process {
    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.member.state, 'Z' | 'X' | 'x')
    }

    /// Whether this very process lives.
    pub(crate) fn is_there(&self) -> bool {
        self.now().is_some_and(|now| !now.is_dead())
    }

    /// Whether this very process has its id, dead or alive.
    pub(crate) fn is_known(&self) -> bool {
        self.now().is_some()
    }

    fn now(&self) -> Option<Self> {
        read(self.member.pid).filter(|now| now.start == self.start)
    }

    pub(crate) fn is_frozen(&self) -> bool {
        // What cannot be interrupted cannot fork either.
        self.is_dead() || matches!(self.member.state, 'T' | 't' | 'D')
    }

    /// Sent to this very process.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(fd) = open(self.member.pid, self.start) {
            let _ = pidfd_send_signal(fd, signal);
        }
    }
}

/// A descriptor of the process that has this id since `start`: it is of whoever has the id now, and
/// then it is looked whether that is the one.
pub(crate) fn open(pid: u32, start: u64) -> Option<OwnedFd> {
    let fd = pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok()?;
    (read(pid)?.start == start).then_some(fd)
}

/// All that are there, threads and what has just gone apart; the last in the list first, which are
/// the newest, and the likeliest to be gone soon.
pub(crate) fn all() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let pids: Vec<u32> = pids.collect();
    pids.into_iter().rev().filter_map(read)
}

/// The children of this process, dead ones among them; none where the kernel has no list of them
/// (`CONFIG_PROC_CHILDREN`).
pub(crate) fn children() -> Vec<u32> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let pids =
        |list: String| list.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>();
    lists.flat_map(pids).collect()
}

pub(crate) fn read(pid: u32) -> Option<Process> {
    parse(pid, &String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?))
}

/// `pid (name) state ppid ... starttime ...`, of which the name may hold anything.
fn parse(pid: u32, stat: &str) -> Option<Process> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    Some(Process {
        member: Member { pid, name: name.to_owned(), state: fields.first()?.chars().next()? },
        parent: fields.get(1)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets_and_spaces() {
        let stat = format!("42 (a) S 1 (b) T 7 {}", "0 ".repeat(17) + "99 0");
        let process = parse(42, &stat).expect("a process");
        assert_eq!((process.member.name.as_str(), process.member.state), ("a) S 1 (b", 'T'));
        assert_eq!((process.parent, process.start), (7, 99));
    }

    #[test]
    fn another_process_that_got_the_same_id_is_left_alone() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a child");
        let this = read(child.id()).expect("it runs");
        let earlier = Process { start: this.start - 1, ..this.clone() };
        earlier.signal(Signal::KILL);
        assert!(this.is_there() && !earlier.is_there());
        this.signal(Signal::KILL);
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(child.wait().expect("ended").signal(), Some(9));
        assert!(!this.is_there());
    }

    #[test]
    fn this_process_is_read_by_its_own_id() {
        let me = read(std::process::id()).expect("this process");
        assert!(!me.is_dead() && !me.is_frozen());
    }
}
