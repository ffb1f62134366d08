//! A fork finds the library's own thread asleep. The child has its memory and not the thread: a lock
//! that the thread holds at that moment is held in the child for ever.

#![allow(unsafe_code, reason = "pthread_atfork has no safe face in std")]

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    time::Duration,
};

use super::clock;

/// How long the library's thread waits at most: it keeps the deadline.
const TIMEOUT_OF_THREAD: Duration = Duration::from_millis(20);

/// How long a fork waits at most for that thread, which the application may hold.
const TIMEOUT_OF_FORK: Duration = Duration::from_millis(100);

/// The thread that is awake, or none.
static AWAKE: AtomicUsize = AtomicUsize::new(0);
/// How many threads fork right now.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// From now on a fork of this process, and of those that it forks, waits until the library's thread
/// sleeps. A child that is made without `fork`, as by `vfork` and `posix_spawn`, has its own program
/// before it could need a lock.
pub(crate) fn watch() {
    static IS_WATCHED: AtomicBool = AtomicBool::new(false);
    if !IS_WATCHED.swap(true, Ordering::AcqRel) {
        // SAFETY: functions of the right kind, which are never unloaded before the process ends. An
        // error means that there is no memory: a fork is then as it is without us.
        unsafe {
            libc::pthread_atfork(Some(before), Some(after_in_parent), Some(after_in_child));
        }
    }
}

/// The calling thread may take locks until it [`sleeps`]; waits for forks that are under way.
pub(crate) fn wakes() {
    let me = this_thread();
    // Both sides write their own word and then look at the other's, in one order for all: one of
    // them sees the other.
    wait_until(TIMEOUT_OF_THREAD, || {
        AWAKE.store(me, Ordering::SeqCst);
        let may = FORKS.load(Ordering::SeqCst) == 0;
        if !may {
            AWAKE.store(0, Ordering::SeqCst);
        }
        may
    });
    AWAKE.store(me, Ordering::SeqCst);
}

/// The calling thread holds no lock.
pub(crate) fn sleeps() {
    AWAKE.store(0, Ordering::SeqCst);
}

extern "C" fn before() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    // The library's thread may itself fork: it does not wait for itself.
    let me = this_thread();
    wait_until(
        TIMEOUT_OF_FORK,
        || matches!(AWAKE.load(Ordering::SeqCst), awake if awake == 0 || awake == me),
    );
}

extern "C" fn after_in_parent() {
    FORKS.fetch_sub(1, Ordering::SeqCst);
}

extern "C" fn after_in_child() {
    FORKS.store(0, Ordering::SeqCst);
    AWAKE.store(0, Ordering::SeqCst);
}

fn wait_until(timeout: Duration, mut is_so: impl FnMut() -> bool) {
    let until = clock::monotonic() + timeout;
    while !is_so() && clock::monotonic() < until {
        clock::nap(Duration::from_micros(50));
    }
}

fn this_thread() -> usize {
    // SAFETY: `pthread_self` has no precondition; no thread is 0.
    unsafe { libc::pthread_self() as usize }
}
