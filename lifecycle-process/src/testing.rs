//! Children that are played in a test: no process is started, and their time is that of the test.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use lifecycle_core::Signal;
use tokio::{sync::mpsc, time::sleep};

use crate::{
    Containment, ExitStatus, Member,
    contained::{Control, Output, Started},
    word::Word,
};

/// What a played child does when it is asked to stop. It begins as one that goes at once.
///
/// ```
/// use lifecycle_process::testing::{Played, play};
/// use std::time::Duration;
///
/// // `Command::new("postgres").spawn()` on this thread starts no process from here on.
/// play("postgres", Played::new().takes(Duration::from_secs(3)).leaves(2));
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Played {
    takes: Option<Duration>,
    leaves: usize,
    is_stuck: bool,
    status: ExitStatus,
}

impl Played {
    /// It ends with 0 as soon as it is asked, and leaves nobody behind.
    pub const fn new() -> Self {
        Self {
            takes: Some(Duration::ZERO),
            leaves: 0,
            is_stuck: false,
            status: ExitStatus::Code(0),
        }
    }

    /// It ends so long after it was asked.
    pub const fn takes(mut self, time: Duration) -> Self {
        self.takes = Some(time);
        self
    }

    /// It does not end when it is asked: it has to be killed.
    pub const fn ignores(mut self) -> Self {
        self.takes = None;
        self
    }

    /// When it ends, so many of its children live on.
    pub const fn leaves(mut self, grandchildren: usize) -> Self {
        self.leaves = grandchildren;
        self
    }

    /// It cannot even be killed, as one that waits for a device.
    pub const fn stuck(mut self) -> Self {
        self.takes = None;
        self.is_stuck = true;
        self
    }

    /// It ends with this code.
    pub const fn code(mut self, code: i32) -> Self {
        self.status = ExitStatus::Code(code);
        self
    }
}

impl Default for Played {
    fn default() -> Self {
        Self::new()
    }
}

thread_local! {
    static PLAYED: RefCell<HashMap<String, Played>> = RefCell::default();
}

/// From here on a child of this name is played on this thread, which is that of the test: a
/// `#[lifecycle::test]` has one thread, and its clock is paused.
pub fn play(name: impl Into<String>, child: Played) {
    PLAYED.with_borrow_mut(|played| played.insert(name.into(), child));
}

/// A played child of this name, where there is one.
pub(crate) fn start(name: &str) -> Option<Started> {
    // Beyond what a system gives to processes.
    static NEXT: AtomicU32 = AtomicU32::new(5_000_000);
    let played = PLAYED.with_borrow(|played| played.get(name).copied())?;
    let pid = NEXT.fetch_add(1 + u32::try_from(played.leaves).unwrap_or(0), Ordering::Relaxed);
    let (said, words) = mpsc::unbounded_channel();
    let control = Box::new(Player { played, pid, name: name.to_owned(), said });
    let output = Output::default();
    Some(Started { pid, containment: Containment::Keeper, control, words, output })
}

struct Player {
    played: Played,
    pid: u32,
    name: String,
    said: mpsc::UnboundedSender<Word>,
}

impl Player {
    fn member(&self, at: usize) -> Member {
        let pid = self.pid + u32::try_from(at).unwrap_or(0);
        Member { pid, name: self.name.clone(), state: if self.played.is_stuck { 'D' } else { 'S' } }
    }
}

impl Control for Player {
    fn signal(&self, _: Signal) {
        let Some(takes) = self.played.takes else { return };
        let (said, played) = (self.said.clone(), self.played);
        tokio::spawn(async move {
            sleep(takes).await;
            let _ = said.send(Word::Ended(played.status));
            if played.leaves == 0 {
                let _ = said.send(Word::Gone);
            }
        });
    }

    fn kill(&self) {
        let tell = |word| drop(self.said.send(word));
        if self.played.is_stuck {
            return tell(Word::Stuck(self.member(0)));
        }
        (1..=self.played.leaves).rev().for_each(|at| tell(Word::Kills(self.member(at))));
        if self.played.takes.is_none() {
            tell(Word::Kills(self.member(0)));
            tell(Word::Ended(ExitStatus::Signal(9)));
        }
        tell(Word::Gone);
    }
}
