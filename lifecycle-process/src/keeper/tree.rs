//! The processes below this one, and the end of all of them. Everything that leaves its parent
//! becomes a child of this process, so what `/proc` shows below it is all there is.

use std::{
    collections::{HashMap, HashSet},
    fs, thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

use crate::word::Member;

/// How many rounds of freezing at most: what forks faster than it is found is killed as it is.
const FREEZES: usize = 50;

/// Between two looks at what was killed.
const PAUSE: Duration = Duration::from_millis(2);

/// When what was killed and is still there is said to be stuck.
const STUCK_AFTER: Duration = Duration::from_secs(2);

/// One process, and what tells it from a later one of the same id.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) member: Member,
    parent: u32,
    start: u64,
    depth: usize,
}

impl Process {
    fn is_dead(&self) -> bool {
        matches!(self.member.state, 'Z' | 'X' | 'x')
    }

    fn is_frozen(&self) -> bool {
        // What cannot be interrupted cannot fork either.
        self.is_dead() || matches!(self.member.state, 'T' | 't' | 'D')
    }

    /// Sent to this very process: the descriptor is of whoever has the id now, and it is looked
    /// whether that is still the one that was seen.
    fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.member.pid.cast_signed()) else { return };
        let Ok(fd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        if read(self.member.pid).is_some_and(|now| now.start == self.start) {
            let _ = pidfd_send_signal(fd, signal);
        }
    }
}

/// Kills all of them, the deepest first; returns when none lives. `kills` is told of each once,
/// `stuck` once of each that is still there two seconds after it was killed.
pub(super) fn kill_all(mut kills: impl FnMut(Member), mut stuck: impl FnMut(Member)) {
    let mut told = HashSet::new();
    let mut told_stuck = HashSet::new();
    let began = Instant::now();
    loop {
        // Frozen first: a process that sees its child die may start another.
        let mut all = below();
        let mut before = usize::MAX;
        for _ in 0..FREEZES {
            let loose = all.iter().filter(|process| !process.is_frozen()).count();
            // Twice the same and nobody runs: nobody was there to fork in between.
            if loose == 0 && before == all.len() {
                break;
            }
            before = all.len();
            for process in all.iter().filter(|process| !process.is_frozen()) {
                process.signal(Signal::STOP);
            }
            thread::sleep(PAUSE);
            all = below();
        }
        all.retain(|process| !process.is_dead());
        if all.is_empty() {
            return;
        }
        all.sort_by_key(|process| std::cmp::Reverse(process.depth));
        for process in &all {
            if told.insert((process.member.pid, process.start)) {
                kills(process.member.clone());
            }
            process.signal(Signal::KILL);
        }
        thread::sleep(PAUSE);
        if began.elapsed() > STUCK_AFTER {
            for process in below().into_iter().filter(|process| !process.is_dead()) {
                if told_stuck.insert((process.member.pid, process.start)) {
                    stuck(process.member);
                }
            }
            // Nothing is to be gained by haste any more.
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// All below this process, dead ones among them.
fn below() -> Vec<Process> {
    let mut children: HashMap<u32, Vec<Process>> = HashMap::new();
    for process in all() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut next = vec![(getpid().as_raw_nonzero().get().cast_unsigned(), 0)];
    while let Some((parent, depth)) = next.pop() {
        for mut process in children.remove(&parent).unwrap_or_default() {
            process.depth = depth;
            next.push((process.member.pid, depth + 1));
            found.push(process);
        }
    }
    found
}

fn all() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| read(entry.file_name().to_str()?.parse().ok()?))
}

fn read(pid: u32) -> Option<Process> {
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
        depth: 0,
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
    fn this_process_is_read_by_its_own_id() {
        let me = read(std::process::id()).expect("this process");
        assert!(!me.is_dead() && !me.is_frozen());
    }
}
