//! The last line of defence: a thread that ends the process at a deadline computed beforehand,
//! whatever the application holds.
//!
//! From its first sleep on it takes no lock, allocates nothing, uses no thread-local that is made
//! lazily, runs no destructor and no code of the application (no signal is delivered to it), and
//! makes system calls only: `futex`, `clock_gettime`, `fstat`, `poll`, `write`, `kill`, `clone`,
//! `exit_group`, before its first sleep `setpriority`. It leans on nothing but its stack and the statics of this folder. While nothing is
//! armed it sleeps without a timeout.

#![allow(unsafe_code, reason = "what was swapped out of an atomic pointer is owned")]

use std::{
    io, ptr,
    sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering},
    thread::Builder,
    time::Duration,
};

use super::{
    clock::{self, boot_time},
    event::Event,
    exit,
    pid::own_pid,
    stderr::{self, Text},
    threads,
    waker::Waker,
};
use crate::os::{
    armed::{Armed, Next},
    last_resort,
};

/// Its frames are small; what writes to a file beside it has a part of its own.
const STACK: usize = 96 * 1024;

/// How long it sleeps at most while armed: its sleep does not count the time of a suspend, the
/// deadline does.
const SLICE: Duration = Duration::from_millis(100);

/// How long its start is waited for: somebody may hold the loader's lock already, for ever.
const START_TIMEOUT: Duration = Duration::from_millis(500);

/// More than it is ever late by itself.
const LATE: Duration = Duration::from_millis(50);

/// What the driver has then.
const FOR_THE_DRIVER: Duration = Duration::from_millis(100);

/// How long its line may take.
const WRITE_TIMEOUT: Duration = Duration::from_millis(50);

/// What it says when nobody has given it words.
static DEFAULT_WORDS: Text<&str> = Text::new(
    "lifecycle: the deadline has passed and nothing has ended this process: the guard thread does\n",
);

static ARMED: Armed = Armed::of(AtomicU64::new(0));
/// Changes with everything that is armed: the thread sleeps at it.
static TURN: AtomicU32 = AtomicU32::new(0);
/// Whoever swaps the words out owns them.
static WORDS: AtomicPtr<Text<String>> = AtomicPtr::new(ptr::null_mut());
/// The process whose thread runs; a forked child has none.
static GUARDED: AtomicI32 = AtomicI32::new(0);
/// The process whose thread is past its start, where it may still need a lock of the loader.
static SERVED: AtomicI32 = AtomicI32::new(0);
/// Who is woken where the clock has jumped: null, or `'static`.
static DRIVER: AtomicPtr<Waker> = AtomicPtr::new(ptr::null_mut());
static EVENT: AtomicPtr<Event> = AtomicPtr::new(ptr::null_mut());
/// Which signals arm, a bit each.
static BY_SIGNALS: AtomicU64 = AtomicU64::new(0);
/// What they arm: how long after them in milliseconds and, under that, with which code.
static ARMED_BY_SIGNAL: AtomicU64 = AtomicU64::new(0);

/// Starts the thread, unless this process has it. Before anything of the application runs: back
/// from here it needs nothing that the application can hold, unless that was held all the while.
pub(crate) fn start() -> io::Result<()> {
    let here = own_pid();
    let before = GUARDED.swap(here, Ordering::AcqRel);
    if before == here {
        return Ok(());
    }
    let started = Event::new().and_then(|event| {
        EVENT.store(Box::into_raw(Box::new(event)), Ordering::Release);
        threads::spawn_with(Builder::new().stack_size(STACK), "lifecycle-guard", serve)
    });
    if started.is_err() {
        GUARDED.store(before, Ordering::Release);
    }
    started?;
    let until = clock::monotonic() + START_TIMEOUT;
    while SERVED.load(Ordering::Acquire) != here && clock::monotonic() < until {
        clock::nap(Duration::from_micros(50));
    }
    Ok(())
}

/// Who ends the process in time, and names who holds it.
pub(crate) fn set_driver(waker: &'static Waker) {
    DRIVER.store(ptr::from_ref(waker).cast_mut(), Ordering::Release);
}

/// What the thread says when it ends the process; replaces what it was given before. Not from a
/// signal handler: it allocates.
pub(crate) fn set_words(words: String) {
    take_words(Box::into_raw(Box::new(Text::new(words))));
}

fn take_words(put: *mut Text<String>) {
    let old = WORDS.swap(put, Ordering::AcqRel);
    if !old.is_null() {
        // SAFETY: made by `Box::into_raw`, and ours since it was swapped out.
        drop(unsafe { Box::from_raw(old) });
    }
}

/// The process ends with `code` at `deadline`, a [`boot_time`], whatever was armed before. Callable
/// from a signal handler, as are all that arm. False where the thread is ending the process
/// already.
pub(crate) fn arm(deadline: Duration, code: u8) -> bool {
    turn(ARMED.arm(deadline, code))
}

/// The same unless an earlier deadline is armed.
pub(crate) fn arm_earlier(deadline: Duration, code: u8) -> bool {
    turn(ARMED.arm_earlier(deadline, code))
}

/// The same unless something is armed.
pub(crate) fn arm_first(deadline: Duration, code: u8) -> bool {
    turn(ARMED.arm_first(deadline, code))
}

/// The process lives on, if it was armed just so and nobody has said otherwise since.
pub(crate) fn disarm_if(deadline: Duration, code: u8) -> bool {
    turn(ARMED.disarm_if(deadline, code))
}

/// The process lives on. False where the thread is ending it already: the caller has nothing left
/// to say.
pub(crate) fn disarm() -> bool {
    turn(ARMED.disarm())
}

/// From now on a signal of `signals` arms by itself, from inside its handler, an end with `code`
/// that long after it, unless something is armed: the thread that should hear the signal may be
/// held. `None`: none does.
pub(crate) fn arm_by_signals(by: Option<(&[crate::Signal], Duration, u8)>) {
    // None before the word changes, and then those that arm what it says: a handler looks at them
    // first. In between one arms nothing, and the driver hears it all the same.
    BY_SIGNALS.store(0, Ordering::SeqCst);
    let Some((signals, after, code)) = by else { return };
    let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX).min((1 << 40) - 1);
    ARMED_BY_SIGNAL.store(millis << 8 | u64::from(code), Ordering::SeqCst);
    let signals = signals.iter().fold(0, |bits, signal| bits | threads::bit(signal.number()));
    BY_SIGNALS.store(signals, Ordering::SeqCst);
}

/// For [`arm_by_signals`]: 128 and the number of the signal.
pub(crate) const CODE_OF_SIGNAL: u8 = 0;

/// In a signal handler.
pub(super) fn signal_came(number: libc::c_int) {
    if BY_SIGNALS.load(Ordering::SeqCst) & threads::bit(number) != 0 {
        let word = ARMED_BY_SIGNAL.load(Ordering::SeqCst);
        let after = Duration::from_millis(word >> 8);
        let code = match word as u8 {
            CODE_OF_SIGNAL => 128 + number as u8,
            code => code,
        };
        turn(ARMED.arm_first(boot_time() + after, code));
    }
}

fn turn(is_alive: bool) -> bool {
    TURN.fetch_add(1, Ordering::AcqRel);
    // SAFETY: null or 'static.
    if let Some(event) = unsafe { EVENT.load(Ordering::Acquire).as_ref() } {
        event.wake(&TURN);
    }
    is_alive
}

fn serve() {
    // SAFETY: stored before this thread was started, and 'static.
    let Some(event) = (unsafe { EVENT.load(Ordering::Acquire).as_ref() }) else { return };
    threads::run_first();
    SERVED.store(own_pid(), Ordering::Release);
    loop {
        // Before the word: a change after this is seen, here or by the sleep.
        let turn = TURN.load(Ordering::Acquire);
        match ARMED.next(boot_time()) {
            Next::Sleep | Next::Over => event.wait(&TURN, turn, None),
            Next::SleepFor(left) => event.wait(&TURN, turn, Some(left.min(SLICE))),
            Next::End(code, late) => {
                // The clock has jumped, or everybody was stopped: the driver, which names who holds
                // the process, may sleep for what was left before.
                if late > LATE {
                    // SAFETY: null or 'static.
                    if let Some(driver) = unsafe { DRIVER.load(Ordering::Acquire).as_ref() } {
                        driver.wake();
                    }
                    clock::nap(FOR_THE_DRIVER);
                }
                end(code)
            }
        }
    }
}

fn end(code: u8) -> ! {
    // What cannot block first.
    let begun = last_resort::begin();
    // SAFETY: made by `Box::into_raw`, ours since it was swapped out, and never freed.
    match unsafe { WORDS.swap(ptr::null_mut(), Ordering::AcqRel).as_ref() } {
        Some(words) => stderr::write_last(words, WRITE_TIMEOUT),
        None => stderr::write_last(&DEFAULT_WORDS, WRITE_TIMEOUT),
    }
    begun.finish();
    exit::exit_now(code)
}
