//! What waits to be told to observers. Nothing here is called back under a lock.
//!
//! Changes of state and the report are never dropped: there are at most seven of them. Other events
//! are, where `CAPACITY` of them wait.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{Event, Report, State};

/// How long all of them together may hold the report back.
pub(super) const OBSERVER_TIMEOUT: Duration = Duration::from_millis(200);

/// How many events may wait for one observer.
const CAPACITY: usize = 1024;

/// The observers of a lifecycle.
#[derive(Default)]
pub(crate) struct Observers {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    mailboxes: Vec<Arc<Mailbox>>,
    /// What who comes later is told first.
    state: Option<State>,
    report: Option<Report>,
}

impl Observers {
    pub(super) fn add(&self) -> Arc<Mailbox> {
        let mut inner = lock(&self.inner);
        let mailbox = Arc::new(Mailbox::default());
        mailbox.push(Letter::State(inner.state.unwrap_or(State::Starting)));
        match &inner.report {
            Some(report) => mailbox.push(Letter::Report(report.clone())),
            None => inner.mailboxes.push(Arc::clone(&mailbox)),
        }
        mailbox
    }

    pub(super) fn remove(&self, mailbox: &Arc<Mailbox>) {
        lock(&self.inner).mailboxes.retain(|other| !Arc::ptr_eq(other, mailbox));
    }

    /// For all of them. Never blocks.
    pub(super) fn event(&self, event: &Event) {
        let mut inner = lock(&self.inner);
        if let Event::State { state, .. } = event {
            inner.state = Some(*state);
        }
        for mailbox in &inner.mailboxes {
            mailbox.push(match event {
                Event::State { state, .. } => Letter::State(*state),
                _ => Letter::Event(event.clone()),
            });
        }
    }

    /// The last word to all of them; the first report stands.
    pub(super) fn report(&self, report: &Report) {
        let mut inner = lock(&self.inner);
        if inner.report.is_none() {
            inner.report = Some(report.clone());
            inner.mailboxes.iter().for_each(|box_| box_.push(Letter::Report(report.clone())));
        }
    }

    /// There will be no report: nobody is told anything more. A report that waits is still told.
    #[cfg(feature = "testing")]
    pub(crate) fn close(&self) {
        let mut inner = lock(&self.inner);
        if inner.report.is_none() {
            mem::take(&mut inner.mailboxes).iter().for_each(|mailbox| mailbox.close());
        }
    }

    /// Waits until all have been told of the report, or for so long.
    pub(super) fn flush(&self, timeout: Duration) {
        let mailboxes = lock(&self.inner).mailboxes.clone();
        let until = Instant::now() + timeout;
        mailboxes.iter().for_each(|mailbox| mailbox.wait_until_closed(until));
    }

    /// Something is in flight where nothing was: who sleeps looks again.
    pub(super) fn wake(&self) {
        lock(&self.inner).mailboxes.iter().for_each(|mailbox| mailbox.wake());
    }
}

pub(super) enum Letter {
    State(State),
    Event(Event),
    Report(Report),
}

/// What waits for one observer.
#[derive(Default)]
pub(super) struct Mailbox {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    letters: VecDeque<Letter>,
    /// How many of the letters are events, which are bounded.
    events: usize,
    dropped: usize,
    /// Nothing is delivered any more.
    closed: bool,
}

impl Mailbox {
    fn push(&self, letter: Letter) {
        let mut queue = lock(&self.queue);
        if matches!(letter, Letter::Event(_)) {
            if queue.events == CAPACITY {
                queue.dropped += 1;
                return;
            }
            queue.events += 1;
        }
        queue.letters.push_back(letter);
        drop(queue);
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        lock(&self.queue).closed = true;
        self.changed.notify_all();
    }

    /// Under the lock, so that who looks whether there is something to do is not missed.
    fn wake(&self) {
        let _queue = lock(&self.queue);
        self.changed.notify_all();
    }

    fn wait_until_closed(&self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        let open = |queue: &mut Queue| !queue.closed;
        let waited = self.changed.wait_timeout_while(lock(&self.queue), left, open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// What is to be said next; `None` at the end. `due`: when the next status is.
    pub(super) fn next(&self, due: Option<Instant>, is_active: impl Fn() -> bool) -> Option<Word> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.closed {
                return None;
            }
            if queue.dropped > 0 && queue.events < CAPACITY {
                return Some(Word::Dropped(mem::take(&mut queue.dropped)));
            }
            if let Some(letter) = queue.letters.pop_front() {
                queue.events -= usize::from(matches!(letter, Letter::Event(_)));
                return Some(Word::Letter(letter));
            }
            queue = match due.filter(|_| is_active()) {
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let left = due.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Some(Word::Status);
                    }
                    let waited = self.changed.wait_timeout(queue, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

pub(super) enum Word {
    Letter(Letter),
    Dropped(usize),
    Status,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
