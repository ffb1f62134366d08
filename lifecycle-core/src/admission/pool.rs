//! The lanes of all threads. A thread that ends leaves its lane, and what still lives there, to the
//! next one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::lane::{ARMED, CLOSED, ENDING, FENCED, Found, Lane, UNTIDY};

static POOL: Mutex<Pool> = Mutex::new(Pool { all: Vec::new(), free: Vec::new() });

struct Pool {
    all: Vec<&'static Lane>,
    free: Vec<&'static Lane>,
}

/// A lane that is noted for no gate.
pub(super) fn acquire() -> &'static Lane {
    let mut pool = lock();
    pool.free.pop().unwrap_or_else(|| {
        let lane = Lane::leak();
        pool.all.push(lane);
        lane
    })
}

/// The lane, which is empty, is for any thread.
pub(super) fn release(lane: &'static Lane) {
    let mut pool = lock();
    lane.attach(0, 0);
    lane.unset(UNTIDY | ENDING);
    lane.tidy();
    pool.free.push(lane);
}

/// From here on the lane, which is empty, is of the gate of this number, whose threads shall do
/// what `mode` says. Under the lock of that gate, so that no mode is missed.
pub(super) fn attach(lane: &Lane, gate: usize, mode: usize) {
    let _pool = lock();
    lane.attach(gate, mode);
}

/// Threads of `gate` shall do more, or less, when they note a call. Under its lock.
pub(super) fn change_mode(gate: usize, set: usize, unset: usize) {
    debug_assert_eq!((set | unset) & !(CLOSED | ARMED | FENCED), 0);
    // The lock of the pool keeps a lane from changing hands meanwhile.
    let pool = lock();
    for lane in pool.all.iter().filter(|lane| lane.gate() == gate) {
        lane.set(set);
        lane.unset(unset);
    }
}

/// Calls of `gate` that are in flight and are not in its counters from the begin.
pub(super) fn collect(gate: usize, mut found: impl FnMut(Found)) {
    // Not under the lock: there may be a million of them.
    let all = lock().all.clone();
    all.into_iter().for_each(|lane| lane.collect(gate, &mut found));
}

/// How many lanes there are.
#[cfg(test)]
pub(super) fn len() -> usize {
    lock().all.len()
}

fn lock() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}
