//! The early warning: while a stop is under way, the library's own thread checks whether the runtime still
//! runs tasks, and which hook, or main, has been holding its thread without yielding.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::runtime::Handle;

use crate::machine::{Moment, TeardownHook};

const EVERY: Duration = Duration::from_millis(250);
/// Holding a thread for longer than this is said.
const BLOCKED_AFTER: Duration = Duration::from_secs(1);
/// A runtime that ran no task for so long is named where something has gone wrong.
pub(crate) const SILENCE: Duration = Duration::from_millis(500);

/// What the watchdog remembers between two looks.
#[derive(Default)]
pub(super) struct Watchdog {
    next: Moment,
    heartbeat: Option<Heartbeat>,
}

/// A task that only says that it ran.
struct Heartbeat {
    sent: Moment,
    answered: Arc<AtomicBool>,
    logged: bool,
    /// Complained of while it was so.
    complained: bool,
}

/// When the poll that is under way began.
///
/// All of it is relaxed: each word is read for itself, and one that is seen a little late is seen at the next
/// look, a quarter of a second later. A complaint about a poll that has just ended is one that was true.
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
        let millis = u64::try_from(now.reading().as_millis()).unwrap_or(u64::MAX - 1);
        self.since.store(millis + 1, Ordering::Relaxed);
        self.began.store(true, Ordering::Relaxed);
        let _over = Over(self);
        work()
    }

    /// Whether there was a poll at all.
    pub(super) fn has_begun(&self) -> bool {
        self.began.load(Ordering::Relaxed)
    }

    /// How long the poll has been going on, where that is too long and was not said before.
    fn complaint(&self, now: Moment) -> Option<Duration> {
        let since = self.since.load(Ordering::Relaxed).checked_sub(1)?;
        let held = now.since(Moment::new(Duration::from_millis(since)));
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
    /// Looks at who holds a thread, when it is time: what is to be said, and when it is time again.
    pub(super) fn look<'p>(
        &mut self,
        now: Moment,
        hooks: impl Iterator<Item = (&'p TeardownHook, &'p PollTimer)>,
        main: &PollTimer,
        runtime: Option<&Handle>,
    ) -> (Vec<String>, Moment) {
        if now < self.next {
            return (Vec::new(), self.next);
        }
        self.next = now.after(EVERY);
        let hook = |(hook, timer): (&TeardownHook, &PollTimer)| {
            let held = timer.complaint(now)?;
            Some(held_by(&format!("hook `{}` ({})", hook.name(), hook.location()), held))
        };
        let mut complaints: Vec<_> = hooks.filter_map(hook).collect();
        complaints.extend(main.complaint(now).map(|held| held_by("main", held)));
        complaints.extend(self.heartbeat(runtime, now).map(held_line));
        (complaints, self.next)
    }

    /// Whether it has complained of the runtime that still runs no task.
    pub(super) fn has_complained(&self) -> bool {
        self.heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.complained)
    }

    /// What is to be said at the end of a runtime that runs no tasks: for longer than `timeout`, or since
    /// it was last complained of.
    pub(super) fn held_runtime(&mut self, now: Moment, timeout: Duration) -> Option<String> {
        let heartbeat = self.heartbeat.as_mut().filter(|heartbeat| !heartbeat.was_answered())?;
        let held = now.since(heartbeat.sent);
        heartbeat.logged |= held > timeout;
        heartbeat.logged.then(|| held_line(held))
    }

    /// Sends a task through the runtime, or looks after the one that was sent.
    fn heartbeat(&mut self, runtime: Option<&Handle>, now: Moment) -> Option<Duration> {
        if let Some(sent) = &mut self.heartbeat
            && !sent.was_answered()
        {
            let held = now.since(sent.sent);
            let complain = held > BLOCKED_AFTER && !sent.logged;
            sent.logged |= complain;
            sent.complained |= complain;
            return complain.then_some(held);
        }
        let answered = Arc::new(AtomicBool::new(false));
        let answer = Arc::clone(&answered);
        // Relaxed: it says that a task ran, and nothing that the task wrote is read.
        runtime?.spawn(async move { answer.store(true, Ordering::Relaxed) });
        self.heartbeat = Some(Heartbeat { sent: now, answered, logged: false, complained: false });
        None
    }
}

impl Heartbeat {
    fn was_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }
}

fn held_by(who: &str, held: Duration) -> String {
    format!(
        "{who} has been blocking its thread for {held:.1?}: it does not yield; what blocks belongs into \
         tokio::task::spawn_blocking"
    )
}

fn held_line(held: Duration) -> String {
    format!("the runtime has run no task for {held:.1?}: every worker is blocked")
}
