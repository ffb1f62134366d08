//! The early warning: while a stop is under way, the library's own thread checks whether the runtime still
//! runs tasks, and which hook, or main, has been holding its thread without yielding.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::lifecycle::Lifecycle;
use crate::machine::Moment;
use crate::{State, declare::HookId};

const EVERY: Duration = Duration::from_millis(250);
/// Holding a thread for longer than this is said.
const BLOCKED_AFTER: Duration = Duration::from_secs(1);
/// A runtime that ran no task for so long is named where something has gone wrong.
pub(crate) const SILENCE: Duration = Duration::from_millis(500);

/// What is known of who holds a thread.
#[derive(Default)]
pub(crate) struct Watchdog {
    /// Of main's polls.
    pub(crate) main: Arc<PollTimer>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    hooks: HashMap<HookId, Arc<PollTimer>>,
    next: Moment,
    heartbeat: Option<Heartbeat>,
}

/// A task that only says that it ran.
struct Heartbeat {
    sent: Moment,
    answered: Arc<AtomicBool>,
    logged: bool,
}

/// When the poll that is under way began.
#[derive(Debug, Default)]
pub(crate) struct PollTimer {
    /// Milliseconds of the lifecycle's clock, plus one; zero: no poll is under way.
    since: AtomicU64,
    began: AtomicBool,
    logged: AtomicBool,
}

impl PollTimer {
    /// Notes that `work` holds its thread while it runs.
    pub(crate) fn during<R>(&self, now: Moment, work: impl FnOnce() -> R) -> R {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX - 1);
        self.since.store(millis + 1, Ordering::Relaxed);
        self.began.store(true, Ordering::Relaxed);
        let _over = Over(self);
        work()
    }

    /// How long the poll has been going on, where that is too long and was not said before.
    fn complaint(&self, now: Moment) -> Option<Duration> {
        let since = self.since.load(Ordering::Relaxed).checked_sub(1)?;
        let held = now.saturating_sub(Duration::from_millis(since));
        (held > BLOCKED_AFTER && !self.logged.swap(true, Ordering::Relaxed)).then_some(held)
    }
}

struct Over<'h>(&'h PollTimer);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.since.store(0, Ordering::Relaxed);
        self.0.logged.store(false, Ordering::Relaxed);
    }
}

impl Watchdog {
    /// The hold of a hook that starts.
    pub(crate) fn of_hook(&self, hook: HookId) -> Arc<PollTimer> {
        Arc::clone(self.lock().hooks.entry(hook).or_default())
    }

    /// Whether the hook is a task that no worker has polled yet.
    pub(crate) fn waits_for_a_worker(&self, hook: HookId) -> bool {
        self.lock().hooks.get(&hook).is_some_and(|timer| !timer.began.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lifecycle {
    /// Looks at who holds a thread, when it is time; says when it is time again.
    pub(crate) fn check_watchdog(&self, now: Moment) -> Option<Moment> {
        if !(State::Delaying..=State::Stopping).contains(&self.state()) {
            return None;
        }
        let mut inner = self.watchdog.lock();
        if now < inner.next {
            return Some(inner.next);
        }
        inner.next = now + EVERY;
        let mut complaints = Vec::new();
        for (hook, timer) in &inner.hooks {
            if let Some(held) = timer.complaint(now) {
                complaints.push((Some(*hook), held));
            }
        }
        if let Some(held) = self.watchdog.main.complaint(now) {
            complaints.push((None, held));
        }
        let runtime_is_held = self.heartbeat(&mut inner.heartbeat, now);
        drop(inner);
        for (hook, held) in complaints {
            let who = match hook.and_then(|hook| self.planned(hook)) {
                Some(hook) => format!("hook `{}` ({})", hook.name(), hook.location()),
                None => "main".to_owned(),
            };
            self.complain(&format!(
                "{who} has been blocking its thread for {held:.1?}: it does not yield"
            ));
        }
        if let Some(held) = runtime_is_held {
            self.complain(&held_line(held));
        }
        Some(now + EVERY)
    }

    /// Sends a task through the runtime, or looks after the one that was sent.
    fn heartbeat(&self, heartbeat: &mut Option<Heartbeat>, now: Moment) -> Option<Duration> {
        if let Some(sent) = heartbeat
            && !sent.answered.load(Ordering::Relaxed)
        {
            let held = now.saturating_sub(sent.sent);
            let complain = held > BLOCKED_AFTER && !sent.logged;
            sent.logged |= complain;
            return complain.then_some(held);
        }
        let runtime = self.runtime.get()?;
        let answered = Arc::new(AtomicBool::new(false));
        let answer = Arc::clone(&answered);
        runtime.spawn(async move { answer.store(true, Ordering::Relaxed) });
        *heartbeat = Some(Heartbeat { sent: now, answered, logged: false });
        None
    }

    /// What is to be said at the end of a runtime that runs no tasks: for longer than `timeout`, or since
    /// it was last complained of.
    pub(crate) fn held_runtime(&self, now: Moment, timeout: Duration) -> Option<String> {
        let mut inner = self.watchdog.lock();
        let heartbeat = inner
            .heartbeat
            .as_mut()
            .filter(|heartbeat| !heartbeat.answered.load(Ordering::Relaxed))?;
        let held = now.saturating_sub(heartbeat.sent);
        heartbeat.logged |= held > timeout;
        heartbeat.logged.then(|| held_line(held))
    }

    fn complain(&self, text: &str) {
        self.eprint(text);
        self.warn(text);
    }
}

fn held_line(held: Duration) -> String {
    format!("the runtime has run no task for {held:.1?}: every worker is blocked")
}
