//! What is armed, under every order of the threads that change it and the one that sleeps.

/// The same source on atomics of a model.
#[path = "armed.rs"]
#[allow(clippy::duplicate_mod, reason = "with other atomics it is another module")]
mod armed;

mod atomic {
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
}

use std::time::Duration;

use loom::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    thread,
};

use self::armed::{Armed, Next};

const NOW: Duration = Duration::from_secs(1000);
const LATER: Duration = Duration::from_secs(2000);

struct Guard {
    armed: Armed,
    turn: AtomicU32,
}

impl Guard {
    fn new() -> Arc<Self> {
        Arc::new(Self { armed: Armed::of(AtomicU64::new(0)), turn: AtomicU32::new(0) })
    }

    /// What everybody does who changes what is armed.
    fn change(&self, change: impl FnOnce(&Armed) -> bool) -> bool {
        let is_alive = change(&self.armed);
        self.turn.fetch_add(1, Ordering::AcqRel);
        is_alive
    }

    /// What the thread does, at a time that stands still: the code, or `None` where it sleeps for
    /// ever.
    fn serve(&self, changes: u32) -> Option<u8> {
        loop {
            let turn = self.turn.load(Ordering::Acquire);
            match self.armed.next(NOW) {
                Next::End(code, _) => return Some(code),
                Next::Sleep | Next::SleepFor(_) | Next::Over if turn == changes => return None,
                Next::Sleep | Next::SleepFor(_) | Next::Over => {}
            }
            // A futex: it does not sleep where the word has changed.
            while self.turn.load(Ordering::Acquire) == turn {
                thread::yield_now();
            }
        }
    }
}

#[test]
fn no_arming_is_slept_through() {
    loom::model(|| {
        let guard = Guard::new();
        let other = Arc::clone(&guard);
        let arms = thread::spawn(move || other.change(|armed| armed.arm(NOW, 7)));
        assert_eq!(guard.serve(1), Some(7));
        arms.join().unwrap();
    });
}

#[test]
fn a_disarming_that_says_so_is_the_last_word() {
    loom::model(|| {
        let guard = Guard::new();
        let other = Arc::clone(&guard);
        let changes = thread::spawn(move || {
            other.change(|armed| armed.arm(NOW, 7));
            other.change(Armed::disarm)
        });
        let ended = guard.serve(2);
        let lives = changes.join().unwrap();
        assert_eq!(ended, if lives { None } else { Some(7) });
    });
}

#[test]
fn the_earliest_of_several_wins_and_the_end_is_given_once() {
    loom::model(|| {
        let guard = Guard::new();
        let others = [(LATER, 1), (NOW, 2)].map(|(deadline, code)| {
            let other = Arc::clone(&guard);
            thread::spawn(move || other.change(|armed| armed.arm_earlier(deadline, code)))
        });
        for other in others {
            other.join().unwrap();
        }
        assert!(matches!(guard.armed.next(NOW), Next::End(2, _)));
        assert_eq!(guard.armed.next(LATER), Next::Over);
        assert!(!guard.armed.disarm() && !guard.armed.arm(LATER, 3));
    });
}

#[test]
fn a_signal_does_not_move_what_is_armed() {
    loom::model(|| {
        let guard = Guard::new();
        let other = Arc::clone(&guard);
        let signal = thread::spawn(move || other.change(|armed| armed.arm_first(NOW, 1)));
        guard.change(|armed| armed.arm(LATER, 2));
        signal.join().unwrap();
        assert_eq!(guard.armed.next(NOW), Next::SleepFor(LATER - NOW));
        assert!(matches!(guard.armed.next(LATER), Next::End(2, _)));
    });
}

#[test]
fn a_deadline_of_any_length_is_kept() {
    loom::model(|| {
        let armed = Armed::of(AtomicU64::new(0));
        for (deadline, code) in [(Duration::ZERO, 0), (Duration::from_nanos(1), 255)] {
            assert!(armed.arm(deadline, code));
            assert!(matches!(armed.next(Duration::ZERO), Next::SleepFor(_)));
        }
        assert!(armed.arm(Duration::MAX, 255));
        assert!(matches!(armed.next(LATER), Next::SleepFor(left) if left > LATER));
        assert!(matches!(armed.next(Duration::MAX), Next::End(255, _)));
    });
}

/// A signal comes while a runtime is built, and its driver arms what is right.
#[test]
fn what_another_has_armed_is_not_disarmed_with_what_was_there_before() {
    loom::model(|| {
        let guard = Guard::new();
        guard.change(|armed| armed.arm(LATER, 78));
        let other = Arc::clone(&guard);
        let driver = thread::spawn(move || other.change(|armed| armed.arm(NOW, 124)));
        guard.change(|armed| armed.disarm_if(LATER, 78));
        driver.join().unwrap();
        assert!(matches!(guard.armed.next(NOW), Next::End(124, _)));
    });
}
