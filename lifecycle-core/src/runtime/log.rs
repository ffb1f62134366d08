//! Events as `tracing` lines, on a thread that exists only while there is something to say: a subscriber
//! that blocks holds that thread and nothing else.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tracing::{
    Dispatch, Level, Span, dispatcher, error, info, info_span, subscriber::NoSubscriber, warn,
};

use crate::{
    Event, State,
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
    /// The span of the whole stop.
    shutdown: OnceLock<Span>,
    drain: Mutex<Option<Span>>,
    /// Without a thread: whoever has something to say writes it.
    inline: bool,
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

    pub(crate) fn event(&self, event: Event) {
        self.run(move |log| log.write(&event));
    }

    pub(crate) fn info(&self, text: &str) {
        let text = text.to_owned();
        self.run(move |_| say(Level::INFO, &text));
    }

    pub(crate) fn warn(&self, text: &str) {
        let text = text.to_owned();
        self.run(move |_| say(Level::WARN, &text));
    }

    /// Does `job` after everything that was logged before, under the subscriber, on the thread of the log.
    pub(crate) fn run(&self, job: impl FnOnce(&Self) + Send + 'static) {
        if self.shared.inline {
            job(self);
            return;
        }
        let mut queue = self.lock();
        queue.jobs.push_back(Box::new(job));
        self.shared.arrived.notify_one();
        if queue.is_served {
            return;
        }
        let log = self.clone();
        let thread =
            std::thread::Builder::new().name("lifecycle-log".to_owned()).spawn(move || log.serve());
        queue.is_served = thread.is_ok();
    }

    /// The span of a hook, a child of the shutdown's.
    pub(crate) fn hook_span(&self, name: &str) -> Span {
        let name = plain(name);
        info_span!(target: "lifecycle", parent: self.shared.shutdown.get().and_then(Span::id), "hook", name)
    }

    fn serve(&self) {
        let _adopted = self.shared.dispatch.get().map(dispatcher::set_default);
        while let Some(job) = self.next() {
            job(self);
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
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, event: &Event) {
        if let Event::Requested { shutdown_id, .. } = event {
            let span = info_span!(target: "lifecycle", parent: None, "shutdown", id = %shutdown_id);
            let _ = self.shared.shutdown.set(span);
        }
        let _in_shutdown = self.shared.shutdown.get().map(Span::enter);
        let mut drain = self.shared.drain.lock().unwrap_or_else(PoisonError::into_inner);
        if let Event::State { state, .. } = event {
            *drain = (*state == State::Draining).then(|| info_span!(target: "lifecycle", "drain"));
        }
        let _in_drain = drain.as_ref().map(Span::enter);
        log_line(event);
    }
}

fn log_line(event: &Event) {
    match event {
        Event::Requested { reason, .. } => {
            say(Level::INFO, &format!("shutdown requested: {reason}"));
        }
        Event::State { state, time_left: Some(left) } => {
            say(Level::INFO, &format!("{state}, {} left", coarse(*left)));
        }
        Event::State { state, time_left: None } => say(Level::INFO, &state.to_string()),
        Event::Signal { signal, sender, did, next } => {
            let from = sender.map(|sender| format!(" from {sender}")).unwrap_or_default();
            say(Level::INFO, &format!("{signal}{from} {did}; {next}"));
        }
        Event::Drain { .. } => say(Level::INFO, &drain_line(event)),
        Event::Abandoned { sites } => {
            for site in sites {
                let oldest = coarse(site.oldest_abandoned().unwrap_or_default());
                let (count, name, location) = (site.abandoned(), site.name(), site.location());
                say(
                    Level::WARN,
                    &format!(
                        "abandoned: {count} call(s) of {name} ({location}), the oldest {oldest} \
                         old; they keep running beside the hooks"
                    ),
                );
            }
        }
        Event::HookStarted { name, timeout, .. } => {
            say(Level::INFO, &format!("hook {name} starts, has {timeout:.1?}"));
        }
        Event::HookStuck { name, location, elapsed } => {
            let elapsed = coarse(*elapsed);
            say(Level::ERROR, &format!("hook {name} ({location}) is stuck after {elapsed}"));
        }
        Event::HookEnded { name, location, outcome, is_clean, took } => {
            if *is_clean {
                say(Level::INFO, &format!("hook {name} {outcome}, after {took:.1?}"));
            } else {
                say(Level::WARN, &format!("hook {name} ({location}) {outcome}, after {took:.1?}"));
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
        Event::Signal { signal, did, next, .. } => Some(format!("{signal} {did}; {next}")),
        Event::Drain { .. } if !is_logged => Some(drain_line(event)),
        _ => None,
    }
}

fn drain_line(event: &Event) -> String {
    let Event::Drain { sites, waiting_for_main, time_left } = event else { return String::new() };
    let total: usize = sites.iter().map(crate::SiteStatus::in_flight).sum();
    let mut line = format!("draining, {total} in flight");
    let parts: Vec<_> = sites
        .iter()
        .map(|site| {
            format!("{} {} (oldest {})", site.in_flight(), site.name(), coarse(site.oldest()))
        })
        .collect();
    if !parts.is_empty() {
        line += &format!(": {}", parts.join(", "));
    }
    if !waiting_for_main.is_empty() {
        let places: Vec<_> = waiting_for_main.iter().map(ToString::to_string).collect();
        line += &format!("; waiting for main, draining() asked at {}", places.join(", "));
    }
    if let Some(left) = time_left {
        line += &format!("; {} left", coarse(*left));
    }
    line
}

fn coarse(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}
