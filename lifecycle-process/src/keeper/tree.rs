//! The processes below this one, and the end of all of them. Everything that leaves its parent
//! becomes a child of this process, so what `/proc` shows below it is all there is.

use std::{
    collections::{HashMap, HashSet},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    Member,
    processes::{self, Process},
};

/// How many rounds of freezing at most: what forks faster than it is found is killed as it is.
const FREEZES: usize = 50;

/// Between two looks at what was killed.
const PAUSE: Duration = Duration::from_millis(2);

/// When what was killed and is still there is said to be stuck.
const STUCK_AFTER: Duration = Duration::from_secs(2);

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
        for process in all.iter().rev() {
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

/// All below this process, dead ones among them; each after its parent.
fn below() -> Vec<Process> {
    let mut children: HashMap<u32, Vec<Process>> = HashMap::new();
    for process in processes::all() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = children.remove(&std::process::id()).unwrap_or_default();
    let mut at = 0;
    while let Some(parent) = found.get(at).map(|process| process.member.pid) {
        found.extend(children.remove(&parent).unwrap_or_default());
        at += 1;
    }
    found
}
