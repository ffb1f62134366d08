//! What is known of a call that is more than a frame.

use std::{
    any::Any,
    num::NonZeroU64,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tracing::{Metadata, level_filters::LevelFilter};

use super::ending::{Ending, Verdict};
#[cfg(not(test))]
use crate::os::coarse_clock::coarse_time;
use crate::{foreign::contain, os::atomic_ref::AtomicRef};

/// Written by who begins the call, before it is seen to have begun.
pub(super) struct Details {
    pub(super) verdict: Verdict,
    inherited: AtomicBool,
    /// Where it is not the gate of the process: a lock is nothing to a scenario.
    gate: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
    has_gate: AtomicBool,
    /// In nanoseconds of the coarse clock.
    since: AtomicU64,
    task: AtomicU64,
    span: AtomicRef<Metadata<'static>>,
}

/// In which task and span a call was last seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Who {
    pub(super) task: Option<NonZeroU64>,
    span: Option<&'static Metadata<'static>>,
}

impl Details {
    pub(super) fn new() -> Self {
        Self {
            verdict: Verdict::new(),
            inherited: AtomicBool::new(false),
            gate: Mutex::new(None),
            has_gate: AtomicBool::new(false),
            since: AtomicU64::new(0),
            task: AtomicU64::new(0),
            span: AtomicRef::none(),
        }
    }

    /// Of a call that begins here.
    #[inline]
    pub(super) fn describe(&self, ending: Ending, inherited: bool, who: Who) {
        self.verdict.reset(ending);
        self.inherited.store(inherited, Ordering::Relaxed);
        self.since.store(coarse_nanos(), Ordering::Relaxed);
        self.task.store(who.task.map_or(0, NonZeroU64::get), Ordering::Relaxed);
        self.span.store(who.span);
    }

    /// The call began earlier, while nothing unwound, and was first seen then, or never.
    pub(super) fn began_before(&self, seen: u64) {
        self.verdict.began_calmly();
        if seen != 0 {
            self.since.store(seen, Ordering::Relaxed);
        }
    }

    pub(super) fn set_gate(&self, gate: Arc<dyn Any + Send + Sync>) {
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = Some(gate);
        self.has_gate.store(true, Ordering::Relaxed);
    }

    pub(super) fn gate(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        if !self.has_gate.load(Ordering::Relaxed) {
            return None;
        }
        self.gate.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn take_gate(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        if !self.has_gate.load(Ordering::Relaxed) {
            return None;
        }
        self.has_gate.store(false, Ordering::Relaxed);
        self.gate.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn is_inherited(&self) -> bool {
        self.inherited.load(Ordering::Relaxed)
    }

    pub(super) fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }

    pub(super) fn who(&self) -> Who {
        Who { task: NonZeroU64::new(self.task.load(Ordering::Relaxed)), span: self.span.load() }
    }
}

impl Who {
    /// A call that never was suspended, of which its task is known.
    pub(super) const fn of(task: u64) -> Self {
        Self { task: NonZeroU64::new(task), span: None }
    }

    /// Who runs here, in this task. Asks the subscriber, which is the application's: before
    /// anything is begun, as it may make calls of its own.
    #[inline]
    pub(super) fn here(task: u64) -> Self {
        Self { task: NonZeroU64::new(task), span: span() }
    }

    /// The name of its span.
    pub(super) fn span(self) -> Option<&'static str> {
        self.span.map(Metadata::name)
    }
}

/// The coarse clock, as a number that is not 0.
pub(super) fn coarse_nanos() -> u64 {
    coarse_time().as_nanos() as u64 + 1
}

/// The clock of the tests can be paused.
#[cfg(test)]
fn coarse_time() -> Duration {
    static START: std::sync::OnceLock<tokio::time::Instant> = std::sync::OnceLock::new();
    // From long ago on: a clock that is paused may have been so before this one began.
    let start = *START.get_or_init(|| tokio::time::Instant::now() - Duration::from_secs(3600));
    start.elapsed()
}

/// How long before `now` it was, in the coarse clock.
pub(super) const fn age(since: u64, now: u64) -> Duration {
    Duration::from_nanos(now.saturating_sub(since))
}

/// The span that is entered here. Looked for only where somebody collects spans.
#[inline]
fn span() -> Option<&'static Metadata<'static>> {
    if LevelFilter::current() == LevelFilter::OFF { None } else { collected_span() }
}

/// None where the subscriber panics: that is no matter of the call.
#[cold]
fn collected_span() -> Option<&'static Metadata<'static>> {
    let ask = || tracing::dispatcher::get_default(|dispatch| dispatch.current_span().metadata());
    contain(ask).ok().flatten()
}
