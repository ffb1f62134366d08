//! The one word that says whether, when and how the guard thread ends the process, so that threads
//! and signal handlers change it at once without a lock. No system call is made here: a test runs
//! this file on atomics that try every order of threads.

use std::time::Duration;

use super::atomic::{AtomicU64, Ordering};

/// Milliseconds since boot in 40 bits (34 years) and, under them, an exit code; never both 0.
const CODE_BITS: u32 = 8;
const LATEST: u64 = (1 << 40) - 1;

/// The process is being ended.
const FIRED: u64 = u64::MAX;
const IDLE: u64 = 0;

/// What the thread has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Sleep until somebody wakes.
    Sleep,
    /// Sleep that long, or until somebody wakes.
    SleepFor(Duration),
    /// End the process with this code, so long after its deadline. Given once, to one thread.
    End(u8, Duration),
    /// Another thread does.
    Over,
}

pub(crate) struct Armed(AtomicU64);

impl Armed {
    /// `word`: one of 0.
    pub(crate) const fn of(word: AtomicU64) -> Self {
        Self(word)
    }

    /// The process ends at `deadline`, whatever was armed before. False if it ends already.
    pub(crate) fn arm(&self, deadline: Duration, code: u8) -> bool {
        self.change(|_| Some(word(deadline, code)))
    }

    /// The process ends at `deadline` unless it is armed already.
    pub(crate) fn arm_first(&self, deadline: Duration, code: u8) -> bool {
        self.change(|armed| (armed == IDLE).then(|| word(deadline, code)))
    }

    /// The process ends at `deadline` unless an earlier one is armed.
    pub(crate) fn arm_earlier(&self, deadline: Duration, code: u8) -> bool {
        let word = word(deadline, code);
        self.change(|armed| (armed == IDLE || word < armed).then_some(word))
    }

    /// The process goes on if it is armed just so. False if it ends already.
    pub(crate) fn disarm_if(&self, deadline: Duration, code: u8) -> bool {
        let word = word(deadline, code);
        self.change(|armed| (armed == word).then_some(IDLE))
    }

    /// The process goes on. False if it ends already.
    pub(crate) fn disarm(&self) -> bool {
        self.change(|_| Some(IDLE))
    }

    /// False once the end was given out: what comes after that has no effect.
    fn change(&self, to: impl Fn(u64) -> Option<u64>) -> bool {
        let mut armed = self.0.load(Ordering::Acquire);
        loop {
            if armed == FIRED {
                return false;
            }
            let Some(next) = to(armed) else { return true };
            match self.0.compare_exchange(armed, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(other) => armed = other,
            }
        }
    }

    pub(crate) fn next(&self, now: Duration) -> Next {
        let armed = self.0.load(Ordering::Acquire);
        if armed == IDLE {
            return Next::Sleep;
        }
        if armed == FIRED {
            return Next::Over;
        }
        let deadline = Duration::from_millis(armed >> CODE_BITS);
        if now < deadline {
            return Next::SleepFor(deadline - now);
        }
        // Only where nobody disarmed it or moved it in this moment.
        let end = self.0.compare_exchange(armed, FIRED, Ordering::AcqRel, Ordering::Relaxed);
        end.map_or(Next::SleepFor(Duration::ZERO), |_| Next::End(armed as u8, now - deadline))
    }
}

fn word(deadline: Duration, code: u8) -> u64 {
    // Up, and not 0: an end is never early, and is told from none.
    let millis = deadline.as_nanos().div_ceil(1_000_000);
    let millis = u64::try_from(millis).unwrap_or(LATEST).clamp(1, LATEST - 1);
    millis << CODE_BITS | u64::from(code)
}
