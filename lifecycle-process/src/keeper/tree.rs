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
        let mut tree = Tree::below_this();
        let mut before = usize::MAX;
        for _ in 0..FREEZES {
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
            tree = Tree::below_this();
        }
        let Tree { mut all, is_whole } = tree;
        all.retain(|process| !process.is_dead());
        if is_whole && all.is_empty() {
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
            for process in Tree::below_this().all.into_iter().filter(|process| !process.is_dead()) {
                if told_stuck.insert((process.member.pid, process.start)) {
                    stuck(process.member);
                }
            }
            // Nothing is to be gained by haste any more.
            thread::sleep(Duration::from_millis(100));
        }
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
