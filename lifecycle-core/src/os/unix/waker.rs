//! Wakes the library's own thread, from threads and from signal handlers.

use std::{
    io,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::{event::Event, heard, pending::Pending, threads};
use crate::{Signal, SignalSender, os::Call};

/// Bits of the word at which the thread sleeps.
const WOKEN: u32 = 1;
const CAME: u32 = 2;
const SLEEPS: u32 = 4;

/// A word in memory, and what came in it. One thread waits; anybody wakes.
pub(crate) struct Waker {
    word: AtomicU32,
    pending: Pending,
    event: Event,
    /// Those that the waiting thread has unblocked for itself.
    unblocked: AtomicU64,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            word: AtomicU32::new(0),
            pending: Pending::new(),
            event: Event::new()?,
            unblocked: AtomicU64::new(0),
        })
    }

    /// Wakes the waiting thread; many wakes before it wakes are one. Callable from a signal
    /// handler.
    pub(crate) fn wake(&self) {
        self.set(WOKEN);
    }

    /// Notes a signal and wakes the waiting thread. Callable from a signal handler.
    pub(super) fn put(&self, number: usize, sender: Option<SignalSender>) {
        self.pending.put(number, sender);
        self.set(CAME);
    }

    fn set(&self, bit: u32) {
        // Release what was noted, and one system call only where somebody sleeps.
        if self.word.fetch_or(bit, Ordering::AcqRel) & SLEEPS != 0 {
            self.event.wake(&self.word);
        }
    }

    /// Waits until somebody wakes, a signal comes, or `timeout` is over (then the list is empty).
    /// The thread that waits hears the signals that are listened for, however it inherited its
    /// mask.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Vec<Call> {
        self.hear();
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while self.word.fetch_or(SLEEPS, Ordering::AcqRel) & (WOKEN | CAME) == 0 {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            self.event.wait(&self.word, SLEEPS, left);
        }
        let word = self.word.swap(0, Ordering::AcqRel);
        if word & (WOKEN | CAME) == 0 {
            return Vec::new();
        }
        let woken = (word & WOKEN != 0).then_some(Call::Woken);
        let came = self.pending.take().into_iter().filter_map(|(number, sender)| {
            let signal = i32::try_from(number).ok().and_then(Signal::from_number)?;
            Some(Call::Signal(signal, sender))
        });
        woken.into_iter().chain(came).collect()
    }

    fn hear(&self) {
        let heard = heard::mask();
        if self.unblocked.swap(heard, Ordering::Relaxed) != heard {
            threads::unblock(heard);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::Ordering,
        thread,
        time::{Duration, Instant},
    };

    use super::{CAME, Call, Signal, Waker};

    #[test]
    fn waits_end_in_time() {
        // Of several lengths, and the median, as any single one may be late on a busy machine.
        let waits: Vec<_> = (0..9)
            .map(|at| {
                thread::spawn(move || {
                    let waker = Waker::new().expect("a waker");
                    let timeout = Duration::from_millis(2060 + 29 * at);
                    let began = Instant::now();
                    assert!(waker.wait(Some(timeout)).is_empty());
                    began.elapsed().checked_sub(timeout).expect("no wait ends early")
                })
            })
            .collect();
        let mut late: Vec<_> = waits.into_iter().map(|wait| wait.join().expect("a wait")).collect();
        late.sort();
        assert!(late[4] < Duration::from_millis(40), "late by {late:.1?}");
    }

    #[test]
    fn a_flood_of_signals_is_one_and_does_not_silence_a_wake() {
        let waker = Waker::new().unwrap();
        for _ in 0..10_000 {
            waker.put(15, None);
        }
        waker.wake();
        let both = [Call::Woken, Call::Signal(Signal::Term, None)];
        assert_eq!(waker.wait(Some(Duration::ZERO)), both);
        waker.wake();
        assert_eq!(waker.wait(Some(Duration::ZERO)), [Call::Woken]);
        assert_eq!(waker.wait(Some(Duration::ZERO)), []);
        assert_eq!(waker.word.load(Ordering::Relaxed) & CAME, 0);
    }

    #[test]
    fn no_wake_is_lost_between_two_threads() {
        let waker: &'static Waker = Box::leak(Box::new(Waker::new().unwrap()));
        let back: &'static Waker = Box::leak(Box::new(Waker::new().unwrap()));
        let other = thread::spawn(move || {
            for _ in 0..20_000 {
                assert_eq!(waker.wait(None), [Call::Woken]);
                back.wake();
            }
        });
        for _ in 0..20_000 {
            waker.wake();
            assert_eq!(back.wait(Some(Duration::from_secs(10))), [Call::Woken]);
        }
        other.join().unwrap();
    }
}
