//! What the tasks of one consumer share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use lifecycle_core::{
    Site, State,
    ext::{self, JobCounts},
};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::{Instant, sleep_until},
};

use crate::{
    Source, Worked, caught,
    closing::{Closing, Turn},
};

/// The numbers of a consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) concurrency: usize,
    pub(crate) held: usize,
    pub(crate) lease: Duration,
    pub(crate) settle: Duration,
}

/// A class, and what becomes of its jobs.
pub(crate) struct ClassState {
    pub(crate) name: &'static str,
    pub(crate) turn: Turn,
    pub(crate) site: &'static Site,
    pub(crate) counts: Arc<JobCounts>,
}

pub(crate) struct Shared<S: Source> {
    pub(crate) name: &'static str,
    /// Which of the consumers that there are of this name, from 1.
    pub(crate) number: u32,
    pub(crate) site: &'static Site,
    pub(crate) classes: Vec<ClassState>,
    pub(crate) terms: Terms,
    pub(crate) source: S,
    /// A job runs that has one.
    pub(crate) places: Arc<Semaphore>,
    /// A job is held that has one.
    pub(crate) slots: Arc<Semaphore>,
    closing: watch::Sender<Closing>,
    origin: Instant,
    held: Mutex<BTreeMap<u64, Arc<Held<S::Job>>>>,
    next: AtomicU64,
    looking: Mutex<()>,
    /// What has become of the jobs of this run.
    tally: JobCounts,
}

/// What has become of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    Failed,
    GivenBack,
    Abandoned,
    Untold,
}

/// A job that the broker has handed out and was not yet told of.
pub(crate) struct Held<J> {
    pub(crate) job: J,
    pub(crate) class: usize,
    received: Instant,
    leased: Mutex<Instant>,
    has_begun: AtomicBool,
    is_decided: AtomicBool,
    is_renewing: AtomicBool,
    /// Its task has ended.
    is_settled: AtomicBool,
    is_lost: AtomicBool,
    lost: Notify,
    given: Notify,
}

impl<J> Held<J> {
    /// Whether it is the caller that decides what becomes of it: true once.
    pub(crate) fn decide(&self) -> bool {
        !self.is_decided.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.is_decided.load(Ordering::Acquire)
    }

    pub(crate) fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// When its lease began last.
    pub(crate) fn leased(&self) -> Instant {
        *self.leased.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn renewed(&self, at: Instant) {
        *self.leased.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Whether the caller may renew it: one does at a time.
    pub(crate) fn start_renewal(&self) -> bool {
        !self.is_renewing.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn end_renewal(&self) {
        self.is_renewing.store(false, Ordering::Release);
    }

    /// It was taken from its task, and the broker was told.
    pub(crate) fn give(&self) {
        self.given.notify_one();
    }

    pub(crate) async fn given(&self) {
        self.given.notified().await;
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled.load(Ordering::Acquire)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Acquire)
    }

    pub(crate) fn lose(&self) {
        self.is_lost.store(true, Ordering::Release);
        self.lost.notify_one();
    }

    /// Completes when its lease was lost.
    pub(crate) async fn lost(&self) {
        while !self.is_lost() {
            self.lost.notified().await;
        }
    }

    pub(crate) fn age(&self) -> Duration {
        self.received.elapsed()
    }
}

/// The lowest that is free. Beyond 64 at once they have one line in the report.
fn take_number(counts: &JobCounts) -> u32 {
    let take = |taken: u64| Some(taken | taken.wrapping_add(1));
    let taken = counts.consumers.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
    taken.unwrap_or_else(|taken| taken).trailing_ones() + 1
}

impl<S: Source> Drop for Shared<S> {
    fn drop(&mut self) {
        let taken = 1_u64.checked_shl(self.number - 1).unwrap_or_default();
        self.classes[0].counts.consumers.fetch_and(!taken, Ordering::AcqRel);
    }
}

impl<S: Source> Shared<S> {
    pub(crate) fn new(
        name: &'static str,
        site: &'static Site,
        classes: Vec<ClassState>,
        terms: Terms,
        source: S,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            number: take_number(&classes[0].counts),
            site,
            classes,
            terms,
            source,
            places: Arc::new(Semaphore::new(terms.concurrency)),
            slots: Arc::new(Semaphore::new(terms.held)),
            closing: watch::Sender::new(Closing::default()),
            origin: Instant::now(),
            held: Mutex::default(),
            next: AtomicU64::new(0),
            looking: Mutex::default(),
            tally: JobCounts::default(),
        })
    }

    /// Takes a job in. Its lease counts from before it was asked for; where that is long ago, as
    /// nobody knows when it was handed out, half of it is taken as over, so that it is renewed at
    /// once.
    pub(crate) fn hold(&self, job: S::Job, asked: Instant) -> (u64, Arc<Held<S::Job>>) {
        let middle = Instant::now().checked_sub(self.terms.lease / 2);
        let leased = middle.map_or(asked, |middle| asked.max(middle));
        let class = caught::said(|| {
            let class = self.source.class(&job);
            self.classes.iter().position(|known| known.name == class).unwrap_or_default()
        });
        self.classes[class].counts.received.fetch_add(1, Ordering::AcqRel);
        self.tally.received.fetch_add(1, Ordering::AcqRel);
        let held = Arc::new(Held {
            job,
            class,
            received: Instant::now(),
            leased: Mutex::new(leased),
            has_begun: AtomicBool::new(false),
            is_decided: AtomicBool::new(false),
            is_renewing: AtomicBool::new(false),
            is_settled: AtomicBool::new(false),
            is_lost: AtomicBool::new(false),
            lost: Notify::new(),
            given: Notify::new(),
        });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, Arc::clone(&held));
        (number, held)
    }

    /// Whether it was the last that was held.
    pub(crate) fn let_go(&self, number: u64) -> bool {
        let mut all = self.lock();
        if let Some(held) = all.remove(&number) {
            held.is_settled.store(true, Ordering::Release);
        }
        all.is_empty()
    }

    /// One look at the counts and what is held after the other, so that the report has the last.
    pub(crate) fn look(&self) -> MutexGuard<'_, ()> {
        self.looking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are held now, the oldest first.
    pub(crate) fn held(&self) -> Vec<Arc<Held<S::Job>>> {
        self.lock().values().cloned().collect()
    }

    pub(crate) fn class(&self, held: &Held<S::Job>) -> &ClassState {
        &self.classes[held.class]
    }

    pub(crate) fn count(&self, held: &Held<S::Job>, fate: Fate) {
        for counts in [&self.tally, &self.class(held).counts] {
            let count = match fate {
                Fate::Done => &counts.done,
                Fate::Failed => &counts.failed,
                Fate::GivenBack => &counts.given_back,
                Fate::Abandoned => &counts.abandoned,
                Fate::Untold => &counts.untold,
            };
            count.fetch_add(1, Ordering::AcqRel);
        }
    }

    pub(crate) fn worked(&self) -> Worked {
        let now = |count: &AtomicU64| count.load(Ordering::Acquire);
        let JobCounts { received, done, failed, given_back, abandoned, untold, .. } = &self.tally;
        Worked {
            received: now(received),
            done: now(done),
            failed: now(failed),
            given_back: now(given_back),
            abandoned: now(abandoned),
            untold: now(untold),
        }
    }

    /// What a job is called: its class, and what the source calls it.
    pub(crate) fn title(&self, held: &Held<S::Job>) -> String {
        let id = caught::said(|| self.source.id(&held.job));
        let class = self.class(held).name;
        match (id.is_empty(), class.is_empty()) {
            (true, true) => "a job".to_owned(),
            (true, false) => format!("a job of class {class}"),
            (false, true) => format!("job {id}"),
            (false, false) => format!("job {id} of class {class}"),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    pub(crate) fn closing(&self) -> Closing {
        *self.closing.borrow()
    }

    /// A stop was asked for, or nobody waits for the consumer any more.
    pub(crate) fn request(&self) {
        let now = self.now();
        self.change(|closing| closing.requested = closing.requested.or(Some(now)));
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Closing)) {
        self.closing.send_if_modified(|closing| {
            let before = *closing;
            change(closing);
            before != *closing
        });
    }

    /// A stop was asked for, or nobody wants this consumer any more.
    pub(crate) fn is_stopping(&self) -> bool {
        let is_requested = self.closing.borrow().requested.is_some();
        // The task that tells may not have run yet.
        is_requested || ext::as_library(lifecycle_core::state) > State::Running
    }

    /// Completes when a stop was asked for.
    pub(crate) async fn stopping(&self) {
        let mut closing = self.closing.subscribe();
        // The sender is kept here.
        let _ = closing.wait_for(|closing| closing.requested.is_some()).await;
    }

    /// Completes when a running job of this class is due to be given back.
    pub(crate) async fn due(&self, turn: Turn) {
        self.time_of(|closing| closing.due(turn)).await;
    }

    /// Completes when a job that does not run is to be given back.
    pub(crate) async fn at_once(&self) {
        self.time_of(Closing::at_once).await;
    }

    async fn time_of(&self, due: impl Fn(&Closing) -> Option<Duration>) {
        let mut closing = self.closing.subscribe();
        loop {
            let due = due(&closing.borrow_and_update());
            let Some(due) = due else {
                let _ = closing.changed().await;
                continue;
            };
            tokio::select! {
                () = sleep_until(self.origin + due) => return,
                _ = closing.changed() => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Held<S::Job>>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
