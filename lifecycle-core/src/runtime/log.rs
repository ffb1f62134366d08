//! Events as `tracing` lines, on a thread that exists only while there is something to say: a subscriber
//! that blocks holds that thread and nothing else.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::runtime::Handle;
use tracing::{
    Dispatch, Level, Span, dispatcher, error, info, info_span, subscriber::NoSubscriber, warn,
};

use super::{
    span::{ContainedSpan, PromisedSpan},
    threads::run_beside,
};
use crate::{
    Event, State,
    foreign::contain,
    os,
    report::after,
    text::terminal::{plain, plain_lines},
};

/// How long the thread waits for more before it goes.
const LINGER: Duration = Duration::from_millis(200);

/// The queue of what is to be logged.
#[derive(Clone)]
pub(crate) struct Log {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
    /// The subscriber of whoever called `run`.
    dispatch: OnceLock<Dispatch>,
    /// The span of the whole stop, until it closes.
    shutdown: Mutex<Option<Span>>,
    drain: Mutex<Option<Span>>,
    /// Without a thread: whoever has something to say writes it.
    inline: bool,
    /// The subscriber has panicked.
    panicked: AtomicBool,
    /// Who writes where no thread can be had.
    runtime: OnceLock<Handle>,
    /// As the platform calls this process.
    instance: OnceLock<String>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    is_served: bool,
}

type Job = Box<dyn FnOnce(&Log) + Send>;

impl Log {
    pub(crate) fn on_a_thread() -> Self {
        Self { shared: Arc::default() }
    }

    /// Lines are written by the thread that has something to say.
    #[cfg(feature = "testing")]
    pub(crate) fn inline() -> Self {
        Self { shared: Arc::new(Shared { inline: true, ..Shared::default() }) }
    }

    /// Lines go to the subscriber of the calling thread from here, if it has one; else to the global one,
    /// which main may install later.
    pub(crate) fn adopt_subscriber(&self) {
        let dispatch = dispatcher::get_default(Clone::clone);
        if !dispatch.is::<NoSubscriber>() {
            let _ = self.shared.dispatch.set(dispatch);
        }
    }

    /// What the span of the stop says of where it was.
    pub(super) fn set_instance(&self, name: &str) {
        let _ = self.shared.instance.set(name.to_owned());
    }

    /// Whether anybody may see what is logged.
    pub(super) fn has_subscriber(&self) -> bool {
        self.shared.dispatch.get().is_some() || dispatcher::has_been_set()
    }

    pub(super) fn set_runtime(&self, runtime: &Handle) {
        let _ = self.shared.runtime.set(runtime.clone());
    }

    pub(crate) fn event(&self, event: Event) {
        self.run(move |log| log.write(&event));
    }

    pub(crate) fn info(&self, text: &str) {
        let text = text.to_owned();
        self.run(move |log| log.in_spans(|| say(Level::INFO, &text)));
    }

    pub(crate) fn warn(&self, text: &str) {
        let text = text.to_owned();
        self.run(move |log| log.in_spans(|| say(Level::WARN, &text)));
    }

    /// Does `job` after everything that was logged before, under the subscriber, on the thread of the log.
    pub(crate) fn run(&self, job: impl FnOnce(&Self) + Send + 'static) {
        if self.shared.inline {
            job(self);
            return;
        }
        let mut queue = self.lock();
        queue.jobs.push_back(Box::new(job));
        if queue.is_served {
            // With more than one, the thread is awake. Without the lock, on which it would wait.
            let wakes = queue.jobs.len() == 1;
            drop(queue);
            if wakes {
                self.shared.arrived.notify_one();
            }
            return;
        }
        queue.is_served = true;
        drop(queue);
        let log = self.clone();
        let served = run_beside("lifecycle-log", self.shared.runtime.get(), move || {
            os::run_as_usual();
            log.serve();
        });
        if served.is_err() {
            self.lock().is_served = false;
        }
    }

    /// The span of a hook, a child of the shutdown's, once it is made: where lines are written, as a
    /// subscriber may block or panic. Nothing where nobody has a subscriber.
    pub(super) fn hook_span(&self, name: &str) -> PromisedSpan {
        let (promise, promised) = PromisedSpan::new();
        if !self.has_subscriber() {
            promise.give_up();
            return promised;
        }
        let name = plain(name);
        self.run(move |log| {
            log.contained(|| {
                let parent = lock(&log.shared.shutdown).as_ref().and_then(Span::id);
                promise.keep(info_span!(target: "lifecycle", parent: parent, "hook", name));
            });
        });
        promised
    }

    /// The span of the stop ends: the last hook begins, and may be what exports spans, or there is
    /// nothing more to say.
    pub(super) fn close_spans(&self) {
        let shutdown = lock(&self.shared.shutdown).take();
        self.contained(|| drop(shutdown));
    }

    /// Runs what calls the subscriber. What it panics with is said once.
    pub(super) fn contained(&self, write: impl FnOnce()) {
        if let Err(said) = contain(write)
            && !self.shared.panicked.swap(true, Ordering::Relaxed)
        {
            let line = plain_lines(&said);
            os::write_stderr(&format!(
                "lifecycle: the subscriber for tracing panicked, and lines of the log are missing: {line}\n"
            ));
        }
    }

    fn serve(&self) {
        let _adopted = self.shared.dispatch.get().map(dispatcher::set_default);
        while let Some(job) = self.next() {
            self.contained(|| job(self));
        }
    }

    fn next(&self) -> Option<Job> {
        let queue = self.lock();
        let (mut queue, _) = self
            .shared
            .arrived
            .wait_timeout_while(queue, LINGER, |queue| queue.jobs.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let job = queue.jobs.pop_front();
        queue.is_served = job.is_some();
        job
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.shared.queue)
    }

    fn write(&self, event: &Event) {
        if let Event::Requested { shutdown_id, .. } = event {
            let instance = self.shared.instance.get();
            let span = info_span!(
                target: "lifecycle", parent: None, "shutdown", id = %shutdown_id, instance
            );
            *lock(&self.shared.shutdown) = Some(span);
        }
        if let Event::State { state, .. } = event {
            let drain = lock(&self.shared.drain).take();
            drop(ContainedSpan::of(drain));
            if *state == State::Draining {
                let shutdown = ContainedSpan::of(lock(&self.shared.shutdown).clone());
                let _in_shutdown = shutdown.enter();
                let span = info_span!(target: "lifecycle", "drain");
                *lock(&self.shared.drain) = Some(span);
            }
        }
        self.in_spans(|| log_line(event));
    }

    /// Runs `write` in the spans of the stop and of its drain, while there are such.
    pub(super) fn in_spans(&self, write: impl FnOnce()) {
        let shutdown = ContainedSpan::of(lock(&self.shared.shutdown).clone());
        let _in_shutdown = shutdown.enter();
        let drain = ContainedSpan::of(lock(&self.shared.drain).clone());
        let _in_drain = drain.enter();
        write();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn log_line(event: &Event) {
    match event {
        Event::Requested { reason, .. } => {
            say(Level::INFO, &format!("shutdown begins: {reason}"));
        }
        Event::State { state, time_left: Some(left) } => {
            say(Level::INFO, &format!("{state}, {} left", coarse(*left)));
        }
        Event::State { state, time_left: None } => say(Level::INFO, &state.to_string()),
        Event::Signal { .. } => say(Level::INFO, &signal_line(event)),
        Event::Drain { .. } => say(Level::INFO, &drain_line(event)),
        Event::Abandoned { sites } => {
            for site in sites {
                let oldest = coarse(site.oldest_abandoned().unwrap_or_default());
                let (count, name, location) = (site.abandoned(), site.name(), site.location());
                let whereabouts = site.oldest_abandoned_whereabouts();
                say(
                    Level::WARN,
                    &format!(
                        "abandoned: {count} call(s) of {name} ({location}), the oldest {oldest} \
                         old{whereabouts}; they keep running beside the hooks"
                    ),
                );
            }
        }
        Event::HookStarted { name, timeout, .. } => {
            say(Level::INFO, &format!("hook {name} starts, has {timeout:.1?}"));
        }
        Event::HookStuck { name, location, why, .. } => {
            let beside = "its successors start beside it";
            say(Level::ERROR, &format!("hook {name} ({location}) is stuck: {why}; {beside}"));
        }
        Event::HookEnded { name, location, outcome, is_clean, took } => {
            let after = after(outcome, *took);
            if *is_clean {
                say(Level::INFO, &format!("hook {name} {outcome}{after}"));
            } else {
                say(Level::WARN, &format!("hook {name} ({location}) {outcome}{after}"));
            }
        }
        Event::Notice { text } => say(Level::WARN, text),
    }
}

/// Not every subscriber keeps apart what is in a line and what begins one.
fn say(level: Level, line: &str) {
    let line = plain_lines(line);
    match level {
        Level::ERROR => error!(target: "lifecycle", "{line}"),
        Level::WARN => warn!(target: "lifecycle", "{line}"),
        _ => info!(target: "lifecycle", "{line}"),
    }
}

/// What a person at a terminal is shown: what the next signal does in any case, the rest where no subscriber
/// shows it.
pub(crate) fn terminal_line(event: &Event) -> Option<String> {
    let is_logged = dispatcher::has_been_set();
    match event {
        Event::Requested { reason, .. } if !is_logged => Some(format!("stopping: {reason}")),
        Event::Signal { .. } => Some(signal_line(event)),
        Event::Drain { .. } if !is_logged => Some(drain_line(event)),
        _ => None,
    }
}

fn signal_line(event: &Event) -> String {
    let Event::Signal { signal, sender, did, next } = event else { return String::new() };
    let from = sender.map(|sender| format!(" from {sender}")).unwrap_or_default();
    let then = if next.is_empty() { String::new() } else { format!("; {next}") };
    format!("{signal}{from} {did}{then}")
}

fn drain_line(event: &Event) -> String {
    let Event::Drain { sites, waiting_for_main, time_left } = event else { return String::new() };
    let total: usize = sites.iter().map(crate::SiteStatus::in_flight).sum();
    let mut line = format!("draining, {total} in flight");
    let parts: Vec<_> = sites
        .iter()
        .map(|site| {
            let (count, name, oldest) = (site.in_flight(), site.name(), coarse(site.oldest()));
            format!("{count} {name} (oldest {oldest}{})", site.whereabouts())
        })
        .collect();
    if !parts.is_empty() {
        line += &format!(": {}", parts.join(", "));
    }
    if !waiting_for_main.is_empty() {
        let places: Vec<_> = waiting_for_main.iter().map(ToString::to_string).collect();
        line += &format!("; waiting for main, which asked about the stop at {}", places.join(", "));
    }
    if let Some(left) = time_left {
        line += &format!("; {} left", coarse(*left));
    }
    line
}

fn coarse(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}
