//! A queue in memory, to explore what a worker does at a stop in a unit test.

use std::{
    collections::VecDeque,
    future::pending,
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};

use crate::{Source, SourceError};

/// As SQS has them.
const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(30);
const LONG_POLL: Duration = Duration::from_secs(20);
const LATENCY: Duration = Duration::from_millis(5);
/// It may be under way as its job is acknowledged, and is too late then, which is nobody's fault.
const RENEWAL: &str = "a renewal";

/// A queue in memory that behaves as a broker does at its worst: a job that was handed out is invisible
/// until its visibility timeout has passed, also where the receive that it was handed out to was dropped;
/// a receive is a long poll; answers take their time. On the virtual clock of a
/// [`Scenario`](lifecycle_core::testing::Scenario) all that takes no time.
///
/// Clones are other clients of the same queue: keep one to look at afterwards.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_core::{Config, Signal, testing::Scenario};
/// use lifecycle_work::{self as work, testing::FakeSource};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// for at in 0..50 {
///     let queue = FakeSource::new(0..20);
///     let source = queue.clone();
///     let report = Scenario::new()
///         .config(Config::new().grace_period(Duration::from_secs(30)))
///         .main(async move {
///             work::consumer("orders").concurrency(4).run(source, |order| async move {
///                 tokio::time::sleep(Duration::from_millis(100 * (1 + *order % 5))).await;
///             }).await;
///         })
///         .signal_at(Duration::from_millis(20 * at), Signal::Term)
///         .run()
///         .await;
///     assert!(report.is_clean(), "{report}");
///     assert_eq!(queue.done().len() + queue.waiting().len(), 20, "none is lost or left invisible");
///     assert!(queue.faults().is_empty(), "{:?}", queue.faults());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct FakeSource<J> {
    queue: Arc<Queue<J>>,
    /// Of this client alone.
    is_quiet: AtomicBool,
}

impl<J> Clone for FakeSource<J> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), is_quiet: AtomicBool::new(false) }
    }
}

#[derive(Debug)]
struct Queue<J> {
    state: Mutex<State<J>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<J> {
    entries: Vec<Entry<J>>,
    /// Those that are to be handed out, in order.
    line: VecDeque<usize>,
    visibility_timeout: Duration,
    long_poll: Duration,
    latency: Duration,
    name: Option<fn(&J) -> String>,
    is_frozen: bool,
    refused: u32,
    receipts: u64,
    deliveries: usize,
    renewals: usize,
    faults: Vec<String>,
}

#[derive(Debug)]
struct Entry<J> {
    job: J,
    deliveries: u32,
    held: Option<Lease>,
    is_done: bool,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    receipt: u64,
    ends: Instant,
}

/// A job of a [`FakeSource`], as it was handed out. It derefs to the job that was put in.
#[derive(Clone, Debug)]
pub struct FakeJob<J> {
    job: J,
    at: usize,
    receipt: u64,
    delivery: u32,
}

impl<J> FakeJob<J> {
    /// The how manieth time it was handed out, from 1.
    #[must_use]
    pub const fn delivery(&self) -> u32 {
        self.delivery
    }
}

impl<J> Deref for FakeJob<J> {
    type Target = J;

    fn deref(&self) -> &J {
        &self.job
    }
}

impl<J: Clone> FakeSource<J> {
    /// A queue of these jobs, in this order.
    pub fn new(jobs: impl IntoIterator<Item = J>) -> Self {
        let state = State {
            entries: Vec::new(),
            line: VecDeque::new(),
            visibility_timeout: VISIBILITY_TIMEOUT,
            long_poll: LONG_POLL,
            latency: LATENCY,
            name: None,
            is_frozen: false,
            refused: 0,
            receipts: 0,
            deliveries: 0,
            renewals: 0,
            faults: Vec::new(),
        };
        let queue = Queue { state: Mutex::new(state), changed: Notify::new() };
        let source = Self { queue: Arc::new(queue), is_quiet: AtomicBool::new(false) };
        jobs.into_iter().for_each(|job| source.push(job));
        source
    }

    /// How long a job that was handed out is invisible, from then or from its last renewal on; 30 s where
    /// nothing is said.
    #[must_use]
    pub fn visibility_timeout(self, time: Duration) -> Self {
        self.lock().visibility_timeout = time;
        self
    }

    /// How long a receive waits for a job; 20 s where nothing is said.
    #[must_use]
    pub fn long_poll(self, time: Duration) -> Self {
        self.lock().long_poll = time;
        self
    }

    /// How long each answer is under way; 5 ms where nothing is said. A receive that is dropped
    /// meanwhile leaves its jobs invisible.
    #[must_use]
    pub fn latency(self, time: Duration) -> Self {
        self.lock().latency = time;
        self
    }

    /// What a job is called in the log and in the report.
    #[must_use]
    pub fn named(self, name: fn(&J) -> String) -> Self {
        self.lock().name = Some(name);
        self
    }

    /// Adds a job at the end.
    pub fn push(&self, job: J) {
        let mut state = self.lock();
        let at = state.entries.len();
        state.entries.push(Entry { job, deliveries: 0, held: None, is_done: false });
        state.line.push_back(at);
        drop(state);
        self.queue.changed.notify_waiters();
    }

    /// From now on nothing is answered, as if the broker were stopped by SIGSTOP.
    pub fn freeze(&self) {
        self.lock().is_frozen = true;
    }

    /// Answers again, also what was asked meanwhile.
    pub fn thaw(&self) {
        self.lock().is_frozen = false;
        self.queue.changed.notify_waiters();
    }

    /// The next so many acks, renewals and returns of jobs fail.
    pub fn refuse(&self, times: u32) {
        self.lock().refused = times;
    }

    /// Those that were acknowledged, in the order in which they were put in.
    #[must_use]
    pub fn done(&self) -> Vec<J> {
        let state = self.lock();
        let done = state.entries.iter().filter(|entry| entry.is_done);
        done.map(|entry| entry.job.clone()).collect()
    }

    /// Those that a receive would be handed now.
    #[must_use]
    pub fn waiting(&self) -> Vec<J> {
        let mut state = self.lock();
        state.expire();
        state.line.iter().map(|at| state.entries[*at].job.clone()).collect()
    }

    /// Those that were handed out and are invisible.
    #[must_use]
    pub fn invisible(&self) -> Vec<J> {
        let mut state = self.lock();
        state.expire();
        let held = state.entries.iter().filter(|entry| entry.held.is_some());
        held.map(|entry| entry.job.clone()).collect()
    }

    /// How often jobs were handed out, in all.
    #[must_use]
    pub fn deliveries(&self) -> usize {
        self.lock().deliveries
    }

    /// How often leases were renewed, in all.
    #[must_use]
    pub fn renewals(&self) -> usize {
        self.lock().renewals
    }

    /// What a broker would have to say of its client: an ack of a job that somebody else had by then, a
    /// job that was given back twice, or after its ack.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.lock().faults.clone()
    }

    /// Waits for the answer.
    async fn answer(&self) {
        loop {
            let changed = self.queue.changed.notified();
            let (is_frozen, latency) = {
                let state = self.lock();
                (state.is_frozen, state.latency)
            };
            if !is_frozen {
                return sleep(latency).await;
            }
            changed.await;
        }
    }

    /// Does something to a job that the caller holds.
    async fn ask(
        &self,
        what: &str,
        job: &FakeJob<J>,
        then: impl FnOnce(&mut State<J>),
    ) -> Result<(), SourceError> {
        self.answer().await;
        let mut state = self.lock();
        if state.refused > 0 {
            state.refused -= 1;
            return Err(format!("{what} was refused, as the test asked for").into());
        }
        state.expire();
        let held = state.entries[job.at].held;
        if held.is_none_or(|lease| lease.receipt != job.receipt) {
            let fault = format!("{what} of a job that is not held: entry {}", job.at);
            if what != RENEWAL {
                state.faults.push(fault.clone());
            }
            return Err(fault.into());
        }
        then(&mut state);
        drop(state);
        self.queue.changed.notify_waiters();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.queue.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> State<J> {
    /// What was not acknowledged in time is visible again.
    fn expire(&mut self) {
        let now = Instant::now();
        for (at, entry) in self.entries.iter_mut().enumerate() {
            if entry.held.take_if(|lease| lease.ends <= now).is_some() {
                self.line.push_back(at);
            }
        }
    }

    fn next_end(&self) -> Option<Instant> {
        self.entries.iter().filter_map(|entry| Some(entry.held?.ends)).min()
    }
}

impl<J: Clone> State<J> {
    fn hand_out(&mut self, max: usize) -> Vec<FakeJob<J>> {
        let ends = Instant::now() + self.visibility_timeout;
        let max = max.min(self.line.len());
        let handed_out: Vec<_> = self.line.drain(..max).collect();
        let hand_out = |at: usize| {
            self.receipts += 1;
            self.deliveries += 1;
            let entry = &mut self.entries[at];
            entry.deliveries += 1;
            entry.held = Some(Lease { receipt: self.receipts, ends });
            let (job, delivery) = (entry.job.clone(), entry.deliveries);
            FakeJob { job, at, receipt: self.receipts, delivery }
        };
        handed_out.into_iter().map(hand_out).collect()
    }
}

impl<J: Clone + Send + Sync + 'static> Source for FakeSource<J> {
    type Job = FakeJob<J>;

    async fn receive(&self, max: usize) -> Result<Vec<FakeJob<J>>, SourceError> {
        let ends = Instant::now() + self.lock().long_poll;
        loop {
            let changed = self.queue.changed.notified();
            let (jobs, next_end) = {
                let mut state = self.lock();
                state.expire();
                let is_over = self.is_quiet.load(Ordering::Acquire) || Instant::now() >= ends;
                let jobs = (!state.is_frozen).then(|| state.hand_out(max));
                (jobs.filter(|jobs| is_over || !jobs.is_empty()), state.next_end())
            };
            if let Some(jobs) = jobs {
                // Handed out by now, whether or not anybody is there to take them.
                self.answer().await;
                return Ok(jobs);
            }
            let next_end = async {
                match next_end {
                    Some(end) => sleep_until(end).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = next_end => {}
                () = sleep_until(ends) => {}
            }
            if self.lock().is_frozen {
                self.answer().await;
            }
        }
    }

    async fn ack(&self, job: &FakeJob<J>) -> Result<(), SourceError> {
        let at = job.at;
        let done = |state: &mut State<J>| {
            state.entries[at].held = None;
            state.entries[at].is_done = true;
        };
        self.ask("an ack", job, done).await
    }

    async fn give_back(&self, job: FakeJob<J>) -> Result<(), SourceError> {
        let at = job.at;
        let give_back = |state: &mut State<J>| {
            state.entries[at].held = None;
            state.line.push_front(at);
        };
        self.ask("a return", &job, give_back).await
    }

    async fn renew(&self, job: &FakeJob<J>) -> Result<(), SourceError> {
        let at = job.at;
        let renew = |state: &mut State<J>| {
            state.renewals += 1;
            let ends = Instant::now() + state.visibility_timeout;
            if let Some(lease) = &mut state.entries[at].held {
                lease.ends = ends;
            }
        };
        self.ask(RENEWAL, job, renew).await
    }

    /// Another worker may have it, at the end of the line.
    async fn fail(&self, job: FakeJob<J>, _error: &str) -> Result<(), SourceError> {
        let at = job.at;
        let fail = |state: &mut State<J>| {
            state.entries[at].held = None;
            state.line.push_back(at);
        };
        self.ask("a failure", &job, fail).await
    }

    /// Ends a long poll.
    async fn quiet(&self) -> Result<(), SourceError> {
        self.answer().await;
        self.is_quiet.store(true, Ordering::Release);
        self.queue.changed.notify_waiters();
        Ok(())
    }

    fn id(&self, job: &FakeJob<J>) -> String {
        let name = self.lock().name;
        name.map(|name| name(job)).unwrap_or_default()
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lock().visibility_timeout)
    }
}
