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

/// How long it takes to freeze all at most: what forks faster than it is found is killed as it is.
const FREEZE_TIMEOUT: Duration = Duration::from_millis(250);

/// How often the children of this process are looked at before all processes are.
const LOOKS: usize = 20;

/// Between two looks at what was killed.
const PAUSE: Duration = Duration::from_millis(2);

/// The same, where some of it does not go.
const LONG_PAUSE: Duration = Duration::from_millis(100);

/// When what was killed and is still there is said to be stuck.
const STUCK_AFTER: Duration = Duration::from_secs(2);

/// The killing of all of them, in rounds until the kernel says that none is left: one look at `/proc`
/// that finds nobody is no proof, as what goes from process to process is missed by many.
#[derive(Default)]
pub(super) struct Killing {
    /// What was killed, and when.
    killed: HashMap<(u32, u64), Instant>,
    told_stuck: HashSet<(u32, u64)>,
}

impl Killing {
    /// Kills what it finds, the deepest first. `kills` is told of each once, `stuck` once of each
    /// that is still there two seconds after it was killed.
    pub(super) fn round(&mut self, mut kills: impl FnMut(Member), mut stuck: impl FnMut(Member)) {
        for process in frozen().iter().rev().filter(|process| !process.is_dead()) {
            let id = (process.member.pid, process.start);
            let killed = *self.killed.entry(id).or_insert_with(|| {
                kills(process.member.clone());
                Instant::now()
            });
            process.signal(Signal::KILL);
            if killed.elapsed() > STUCK_AFTER && self.told_stuck.insert(id) {
                stuck(process.member.clone());
            }
        }
        // Nothing is to be gained by haste where the kernel does not end what was killed.
        thread::sleep(if self.told_stuck.is_empty() { PAUSE } else { LONG_PAUSE });
    }
}

/// What is below this process, when all of it is stopped: a process that sees its child die may
/// start another.
fn frozen() -> Vec<Process> {
    let until = Instant::now() + FREEZE_TIMEOUT;
    stop_children();
    let mut tree = Tree::below_this();
    let mut before = usize::MAX;
    while Instant::now() < until {
        let loose = tree.all.iter().filter(|process| !process.is_frozen()).count();
        // Twice the same and nobody runs: nobody was there to fork in between.
        if tree.is_whole && loose == 0 && before == tree.all.len() {
            break;
        }
        before = tree.all.len();
        for process in tree.all.iter().filter(|process| !process.is_frozen()) {
            process.signal(Signal::STOP);
        }
        thread::sleep(PAUSE);
        stop_children();
        tree = Tree::below_this();
    }
    tree.all
}

/// Stops the children of this process by the kernel's own list of them, where it has one. What goes
/// from process to process falls to this one each time: it is gone when all of `/proc` has been
/// read, and there while this is.
fn stop_children() {
    for _ in 0..LOOKS {
        let children = processes::children().into_iter().filter_map(processes::read);
        let loose: Vec<_> = children.filter(|child| !child.is_frozen()).collect();
        if loose.is_empty() {
            return;
        }
        loose.iter().for_each(|child| child.signal(Signal::STOP));
    }
}

/// What is below a process.
struct Tree {
    /// Each after its parent, dead ones among them.
    all: Vec<Process>,
    /// Otherwise somebody went while it was looked at, and his children have to be looked for again.
    is_whole: bool,
}

impl Tree {
    fn below_this() -> Self {
        Self::below(std::process::id(), processes::all(), Process::is_known)
    }

    /// Of `processes`, which were read one after the other. The parent that one names is a number,
    /// which somebody else may have got by then, or may have had before: it is meant if it belongs
    /// to the one that was seen also after all were read, and to nobody who came after the child.
    fn below(
        root: u32,
        processes: impl Iterator<Item = Process>,
        is_known: impl Fn(&Process) -> bool,
    ) -> Self {
        let mut children: HashMap<u32, Vec<Process>> = HashMap::new();
        for process in processes {
            children.entry(process.parent).or_default().push(process);
        }
        let mut tree = Self { all: children.remove(&root).unwrap_or_default(), is_whole: true };
        let mut at = 0;
        while let Some(parent) = tree.all.get(at) {
            at += 1;
            let Some(mut of_parent) = children.remove(&parent.member.pid) else { continue };
            if !is_known(parent) {
                tree.is_whole = false;
                continue;
            }
            of_parent.retain(|child| child.start >= parent.start);
            tree.all.extend(of_parent);
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, start: u64) -> Process {
        Process { member: Member { pid, name: String::new(), state: 'S' }, parent, start }
    }

    fn below(processes: &[Process], is_known: impl Fn(&Process) -> bool) -> (Vec<u32>, bool) {
        let tree = Tree::below(1, processes.iter().cloned(), is_known);
        (tree.all.iter().map(|process| process.member.pid).collect(), tree.is_whole)
    }

    #[test]
    fn each_comes_after_its_parent_and_strangers_do_not() {
        let processes =
            [process(9, 7, 30), process(5, 1, 10), process(7, 5, 20), process(8, 4, 20)];
        assert_eq!(below(&processes, |_| true), (vec![5, 7, 9], true));
    }

    /// 5 was ours when it was read, and had gone when 6 was, whose parent is a stranger of that
    /// number.
    #[test]
    fn the_child_of_who_got_the_number_of_ours_is_a_stranger() {
        let processes = [process(5, 1, 10), process(6, 5, 30), process(7, 1, 10)];
        assert_eq!(below(&processes, |seen| seen.member.pid != 5), (vec![5, 7], false));
    }

    /// 4 was read when its parent of number 5 was a stranger, who had gone when ours got the number.
    #[test]
    fn the_child_of_who_had_the_number_before_ours_is_a_stranger() {
        let processes = [process(4, 5, 10), process(5, 1, 20), process(6, 5, 20)];
        assert_eq!(below(&processes, |_| true), (vec![5, 6], true));
    }

    /// A dead process has no children, so that it need not be there still.
    #[test]
    fn who_is_gone_and_has_no_children_is_no_reason_to_look_again() {
        assert_eq!(below(&[process(5, 1, 10)], |_| false), (vec![5], true));
    }
}
