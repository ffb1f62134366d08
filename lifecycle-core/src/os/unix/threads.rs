//! Threads of the library's own: what must not be delivered to them, and their names.

#![allow(unsafe_code, reason = "signal masks have no safe face in std")]

use std::{
    io,
    mem::MaybeUninit,
    sync::OnceLock,
    thread::{Builder, JoinHandle},
};

/// What the faults of a thread itself raise: blocked, the kernel would kill without a word.
const FAULTS: [libc::c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGSYS,
];

/// What a write of our own raises: nobody reads, a file is at its limit, a terminal is another's.
const RAISED_BY_WRITES: [libc::c_int; 3] = [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGTTOU];

/// Of the thread that started our first one: what the application's code runs under.
static APPLICATION: OnceLock<Application> = OnceLock::new();

#[derive(Clone, Copy)]
struct Application {
    mask: Mask,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    nice: libc::c_int,
}

/// Which signals a thread has blocked.
#[derive(Clone, Copy)]
pub(crate) struct Mask(libc::sigset_t);

impl Mask {
    pub(super) fn current() -> Self {
        change(libc::SIG_BLOCK, None)
    }

    fn of(signals: &[libc::c_int]) -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `sigemptyset` fills the set.
        let mut set = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            set.assume_init()
        };
        for signal in signals {
            // SAFETY: a valid set.
            unsafe {
                libc::sigaddset(&raw mut set, *signal);
            }
        }
        Self(set)
    }

    fn all_but_faults() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `sigfillset` fills the set.
        let mut set = unsafe {
            libc::sigfillset(set.as_mut_ptr());
            set.assume_init()
        };
        for signal in FAULTS {
            // SAFETY: a valid set.
            unsafe {
                libc::sigdelset(&raw mut set, signal);
            }
        }
        Self(set)
    }

    pub(super) fn has(&self, signal: libc::c_int) -> bool {
        // SAFETY: a valid set.
        unsafe { libc::sigismember(&raw const self.0, signal) == 1 }
    }

    fn restore(&self) {
        change(libc::SIG_SETMASK, Some(self));
    }
}

/// Changes the mask of this thread, and gives back the one before.
fn change(how: libc::c_int, mask: Option<&Mask>) -> Mask {
    let mut before = Mask::of(&[]);
    let mask = mask.map_or(std::ptr::null(), |mask| &raw const mask.0);
    // SAFETY: both sets are valid or null. The mask is this thread's alone.
    unsafe {
        libc::pthread_sigmask(how, mask, &raw mut before.0);
    }
    before
}

/// Starts a thread of the library's own. No signal is delivered to it (its waker may unblock those
/// that it hears): a handler of the application cannot hold it, and what its writes raise does not
/// kill.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    spawn_with(Builder::new(), name, work)
}

pub(super) fn spawn_with(
    builder: Builder,
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    // Here and not on the new thread, which would have a moment without it.
    let before = change(libc::SIG_BLOCK, Some(&Mask::all_but_faults()));
    APPLICATION.get_or_init(|| Application {
        mask: before,
        #[cfg(any(target_os = "linux", target_os = "android"))]
        nice: nice(),
    });
    let spawned = builder.name(name.to_owned()).spawn(work);
    before.restore();
    spawned.map_err(|error| {
        let words = format!(
            "no thread `{name}` can be had ({error}): see RLIMIT_NPROC and the cgroup's pids.max"
        );
        io::Error::new(error.kind(), words)
    })
}

/// First on a thread that one of ours started and that runs the application's code: it gets the
/// mask and the priority that the application's own threads have.
pub(crate) fn run_as_application() {
    if let Some(application) = APPLICATION.get() {
        application.mask.restore();
    }
    run_as_usual();
}

/// First on a thread that one of ours started and that only writes: it gets the priority of the
/// application's own threads, and what its writes raise does not kill.
pub(crate) fn run_as_usual() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(application) = APPLICATION.get() {
        set_nice(application.nice);
    }
}

/// Lets this thread run before the application's, where the system allows it (CAP_SYS_NICE,
/// RLIMIT_NICE): thousands of threads that spin would make it late. It sleeps nearly always.
pub(crate) fn run_first() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    set_nice(-20);
}

/// Of this thread: here each has its own.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn nice() -> libc::c_int {
    // SAFETY: `getpriority` has no precondition.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_nice(nice: libc::c_int) {
    // SAFETY: `setpriority` has no precondition. Where it is not allowed nothing changes.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, nice);
    }
}

/// Runs `work` with every signal blocked on this thread.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn with_all_blocked<T>(work: impl FnOnce() -> T) -> T {
    let before = change(libc::SIG_BLOCK, Some(&Mask::all_but_faults()));
    let done = work();
    before.restore();
    done
}

/// The place of a signal in a word that has one for each.
pub(super) const fn bit(number: libc::c_int) -> u64 {
    1 << ((number - 1) & 63)
}

/// Lets this thread hear `signals`, a bit for each number.
pub(super) fn unblock(signals: u64) {
    let numbers: Vec<_> = (1..=64).filter(|number| signals & bit(*number) != 0).collect();
    change(libc::SIG_UNBLOCK, Some(&Mask::of(&numbers)));
}

/// Runs `work`, which writes, on whatever thread; what its writes raise does neither kill nor stay
/// behind.
pub(super) fn without_write_signals<T>(work: impl FnOnce() -> T) -> T {
    let mask = Mask::of(&RAISED_BY_WRITES);
    let before = change(libc::SIG_BLOCK, Some(&mask));
    let was_pending = pending();
    let done = work();
    let raised = pending();
    for signal in RAISED_BY_WRITES {
        if raised.has(signal) && !was_pending.has(signal) && !before.has(signal) {
            take(signal);
        }
    }
    before.restore();
    done
}

fn pending() -> Mask {
    let mut set = Mask::of(&[]);
    // SAFETY: a valid set.
    unsafe {
        libc::sigpending(&raw mut set.0);
    }
    set
}

/// Takes a signal that is blocked and pending.
fn take(signal: libc::c_int) {
    let set = Mask::of(&[signal]);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: a valid set, no place for the particulars, no waiting.
    unsafe {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        libc::sigtimedwait(&raw const set.0, std::ptr::null_mut(), &raw const now);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    // SAFETY: valid places. It is pending for this thread, which raised it, so there is no waiting.
    unsafe {
        let mut taken = 0;
        libc::sigwait(&raw const set.0, &raw mut taken);
    }
}

/// The names of this process's threads, the first ones, where the system tells.
pub(crate) fn thread_names() -> Vec<String> {
    const NAMED: usize = 64;
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let mut names: Vec<_> = tasks
        .take(NAMED)
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .collect();
    names.sort();
    names
}
