//! Work that may block where nothing ends it, such as a write to a frozen filesystem: a thread that
//! hangs there keeps its whole process from being gone. It is done by a process of its own in our
//! memory, which has no descriptor that it does not need and is not waited for beyond its time.

#![allow(unsafe_code, reason = "clone and waitpid have no safe face in std")]

use std::time::Duration;

/// What became of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It returned this.
    Ended(libc::c_int),
    /// It goes on: what it was given must stay valid for ever.
    Late,
    /// Nothing was started, because what was started before in the same lane is late.
    Busy,
    /// No process can be had here.
    Impossible,
}

/// Only system calls, on memory that stays valid if it is late: it runs beside the calling thread
/// and has its thread-locals, so it must neither allocate nor panic.
pub(crate) type Work = extern "C" fn(*mut libc::c_void) -> libc::c_int;

/// One at a time in each: what is late keeps its order, and others do not wait for it.
#[derive(Clone, Copy)]
pub(crate) enum Lane {
    Stderr,
    LastResorts,
    Report,
    TerminationLog,
}

/// Runs `work`, in a process of its own where one can be had. False if it was not done in time.
pub(crate) fn run_or_do(
    lane: Lane,
    work: Work,
    with: *mut libc::c_void,
    timeout: Duration,
) -> bool {
    match run(lane, work, with, timeout) {
        Done::Ended(_) => true,
        Done::Late | Done::Busy => false,
        Done::Impossible => {
            work(with);
            true
        }
    }
}

/// For work that needs none: its process has copies of our descriptors, which it must not hold open.
/// Where the system has no such call, nothing happens.
pub(super) fn close_descriptors() {
    close_but(None);
}

/// The same for work that needs one.
pub(super) fn close_descriptors_but(kept: libc::c_int) {
    close_but(libc::c_uint::try_from(kept).ok());
}

#[cfg(target_os = "linux")]
fn close_but(kept: Option<libc::c_uint>) {
    let close = |from: libc::c_uint, to: libc::c_uint| {
        // SAFETY: the process of the work has descriptors of its own, which nothing else in it uses.
        unsafe {
            libc::syscall(libc::SYS_close_range, from, to, 0);
        }
    };
    if let Some(below) = kept.and_then(|kept| kept.checked_sub(1)) {
        close(0, below);
    }
    close(kept.map_or(0, |kept| kept + 1), libc::c_uint::MAX);
}

#[cfg(not(target_os = "linux"))]
const fn close_but(_: Option<libc::c_uint>) {}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use self::system::run;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn run(_: Lane, _: Work, _: *mut libc::c_void, _: Duration) -> Done {
    Done::Impossible
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::{
        cell::UnsafeCell,
        ptr,
        sync::atomic::{AtomicI32, Ordering},
        time::Duration,
    };

    use super::{Done, Lane, Work};
    use crate::os::unix::{clock, threads};

    const STACK: usize = 16 * 1024;
    const FREE: libc::pid_t = 0;
    const TAKEN: libc::pid_t = -1;
    const LATE: libc::pid_t = -2;

    /// A stack, and the process that runs on it.
    #[repr(align(16))]
    struct Place {
        stack: UnsafeCell<[u8; STACK]>,
        /// What is going on.
        process: AtomicI32,
        /// The process, once it is late.
        late: AtomicI32,
    }

    // SAFETY: the stack belongs to whoever changed `process` from FREE to TAKEN.
    unsafe impl Sync for Place {}

    /// Of zeros, so that they cost no page before they are used.
    static PLACES: [Place; 4] = [const {
        Place {
            stack: UnsafeCell::new([0; STACK]),
            process: AtomicI32::new(FREE),
            late: AtomicI32::new(0),
        }
    }; 4];

    /// Runs `work(with)` in a process of its own, and waits for `timeout`. Allocates nothing and
    /// takes no lock.
    pub(in crate::os::unix) fn run(
        lane: Lane,
        work: Work,
        with: *mut libc::c_void,
        timeout: Duration,
    ) -> Done {
        let until = clock::monotonic().saturating_add(timeout);
        let place = &PLACES[lane as usize];
        while !place.take() {
            // Late, and not just another thread's of this moment.
            let is_late = place.process.load(Ordering::Acquire) == LATE;
            if is_late || clock::monotonic() >= until {
                return Done::Busy;
            }
            clock::nap(Duration::from_micros(200));
        }
        let flags = libc::CLONE_VM;
        // No signal for it: a Ctrl-C reaches it too, and our handler in it would end it.
        let child = threads::with_all_blocked(|| {
            // SAFETY: the stack is ours, aligned, and used by nobody else until the child is gone.
            // The child shares memory but neither descriptors nor handlers, runs `work`, which
            // makes system calls only, and ends. It shares this thread's `errno`, the only
            // thread-local that system calls write: a failure in the child may be read as ours,
            // where both fail at once.
            unsafe {
                let top = place.stack.get().cast::<u8>().add(STACK);
                libc::clone(work, top.cast(), flags, with)
            }
        });
        if child <= 0 {
            place.process.store(FREE, Ordering::Release);
            return Done::Impossible;
        }
        let mut length = Duration::from_micros(50);
        loop {
            if let Some(code) = reap(child) {
                place.process.store(FREE, Ordering::Release);
                return Done::Ended(code);
            }
            if clock::monotonic() >= until {
                place.late.store(child, Ordering::Release);
                place.process.store(LATE, Ordering::Release);
                return Done::Late;
            }
            clock::nap(length);
            length = (length * 2).min(Duration::from_millis(1));
        }
    }

    impl Place {
        /// Takes it if it is free, or what was late on it is gone by now.
        fn take(&self) -> bool {
            let late = self.late.load(Ordering::Acquire);
            let takes = |from| {
                let order = (Ordering::AcqRel, Ordering::Relaxed);
                self.process.compare_exchange(from, TAKEN, order.0, order.1).is_ok()
            };
            takes(FREE) || (late > 0 && takes(LATE) && self.is_gone(late))
        }

        /// Whether what was late is gone; else it is late again. This thread has taken the place.
        fn is_gone(&self, late: libc::pid_t) -> bool {
            let is_gone = reap(late).is_some();
            if !is_gone {
                self.process.store(LATE, Ordering::Release);
            }
            is_gone
        }
    }

    /// The exit code of the process, once it is gone.
    fn reap(process: libc::pid_t) -> Option<libc::c_int> {
        let mut status = 0;
        // SAFETY: a valid place for the status. A child whose end sends no signal is waited for
        // with __WALL only, so the application's waits do not see it.
        let gone = unsafe {
            libc::waitpid(process, ptr::from_mut(&mut status), libc::WNOHANG | libc::__WALL)
        };
        // Otherwise somebody else's wait was faster.
        let is_known = gone == process && libc::WIFEXITED(status);
        (gone != 0).then(|| if is_known { libc::WEXITSTATUS(status) } else { -1 })
    }
}
