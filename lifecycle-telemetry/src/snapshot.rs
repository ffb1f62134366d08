//! What there is to export, at one moment.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use lifecycle_core::{
    Event, Outcome, Report, SiteReport, SiteStatus, State,
    ext::{Handle, JobStatus, connection_kind},
};

use crate::{
    last_shutdown::{LastReport, LastShutdown},
    table::{self, Metric},
};

/// How many sites, and how many hooks, have a label of their own. What comes beyond that is summed.
const LABELS: usize = 1_000;
const OTHER: &str = "other";

/// Whoever collects asks once an instrument: what was looked up so shortly before is still true.
const FRESH: Duration = Duration::from_millis(20);

const STATES: [State; 6] = [
    State::Starting,
    State::Running,
    State::Delaying,
    State::Draining,
    State::Stopping,
    State::Stopped,
];

/// A value of a metric, with the values of its labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) metric: &'static Metric,
    pub(crate) labels: Vec<Cow<'static, str>>,
    pub(crate) value: f64,
}

/// What is exported of the lifecycle of the process.
pub(crate) struct Exported {
    lifecycle: Handle,
    /// Until it is read.
    last_report: Mutex<Option<LastReport>>,
    heard: Mutex<Heard>,
    last: Mutex<Option<(Instant, Arc<[Sample]>)>>,
}

/// What no status tells.
#[derive(Default)]
struct Heard {
    state: Option<State>,
    hooks: BTreeMap<String, (&'static str, Duration)>,
    requests: BTreeMap<&'static str, u64>,
    last_shutdown: Option<LastShutdown>,
    site_labels: Labels,
    hook_labels: Labels,
    /// Sites that were in flight are 0 from then on, and not gone.
    was_in_flight: HashSet<Cow<'static, str>>,
}

static PROCESS: OnceLock<Exported> = OnceLock::new();

impl Exported {
    /// That of the process, once its run has begun.
    pub(crate) fn of_process() -> Option<&'static Self> {
        PROCESS.get()
    }

    pub(crate) fn begin(lifecycle: Handle, last_report: Option<LastReport>) -> &'static Self {
        PROCESS.get_or_init(|| Self {
            lifecycle,
            last_report: Mutex::new(last_report),
            heard: Mutex::default(),
            last: Mutex::default(),
        })
    }

    pub(crate) const fn lifecycle(&self) -> Handle {
        self.lifecycle
    }

    pub(crate) fn take_last_report(&self) -> Option<LastReport> {
        lock(&self.last_report).take()
    }

    pub(crate) fn state(&self, state: State) {
        lock(&self.heard).state = Some(state);
    }

    pub(crate) fn event(&self, event: &Event) {
        if let Event::HookEnded { name, outcome, took, .. } = event {
            self.hook(name, outcome, *took);
        }
    }

    /// What was missed before is in it.
    pub(crate) fn report(&self, report: &Report) {
        for hook in report.hooks() {
            self.hook(hook.name(), hook.outcome(), hook.took());
        }
        lock(&self.heard).requests.entry(report.reason().kind()).or_insert(1);
        *lock(&self.last) = None;
    }

    pub(crate) fn last_shutdown(&self, last: LastShutdown) {
        lock(&self.heard).last_shutdown = Some(last);
    }

    fn hook(&self, name: &str, outcome: &Outcome, took: Duration) {
        lock(&self.heard).hooks.insert(name.to_owned(), (word(outcome), took));
    }

    /// As it is now.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let status = self.lifecycle.status();
        let sites = status.known_sites();
        let reports = self.lifecycle.site_reports();
        let mut heard = lock(&self.heard);
        let heard = &mut *heard;
        let mut samples = Samples::default();
        // The thread that observes may know of a change before it is published.
        let state = heard.state.unwrap_or(State::Starting).max(status.state());
        for one in STATES {
            samples.add(table::STATE, [one.to_string().into()], yes(one == state));
        }
        samples.add(table::READY, [], yes(status.is_ready() && state == State::Running));
        heard.in_flight(&sites, &mut samples);
        heard.calls(&reports, &mut samples);
        jobs(status.jobs(), &mut samples);
        if let Some(drain) = status.drain() {
            samples.add(table::DRAIN, [], drain.took().as_secs_f64());
            if let Some(budget) = drain.allotted() {
                samples.add(table::DRAIN_BUDGET, [], budget.as_secs_f64());
            }
        }
        let mut longest = BTreeMap::<_, Duration>::new();
        for (name, (outcome, took)) in &heard.hooks {
            let label = heard.hook_labels.of(name);
            let of_label = longest.entry((label, *outcome)).or_default();
            *of_label = (*of_label).max(*took);
        }
        for ((name, outcome), took) in longest {
            samples.add(table::HOOK, [name, outcome.into()], took.as_secs_f64());
        }
        // Who has come after the request has not heard of it.
        if let Some(reason) = status.reason() {
            heard.requests.entry(reason.kind()).or_insert(1);
        }
        for (reason, count) in &heard.requests {
            samples.add(table::REQUESTS, [(*reason).into()], *count as f64);
        }
        let breached = heard.last_shutdown.as_ref().is_some_and(|last| {
            const DEADLINE: u8 = 124;
            last.report.exit_code() == DEADLINE
        });
        samples.add(table::BREACHES, [], yes(breached));
        if let Some(last) = &heard.last_shutdown {
            last_shutdown(last, &mut samples);
        }
        samples.0
    }

    /// The same, for who asks for each metric apart.
    #[cfg_attr(not(feature = "opentelemetry"), expect(dead_code, reason = "for its callbacks"))]
    pub(crate) fn recent_samples(&self) -> Arc<[Sample]> {
        let mut last = lock(&self.last);
        if let Some((at, samples)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(samples);
        }
        let samples: Arc<[Sample]> = self.samples().into();
        *last = Some((Instant::now(), Arc::clone(&samples)));
        samples
    }
}

impl Heard {
    /// Sites of one name are one: the place is no label.
    fn in_flight(&mut self, sites: &[SiteStatus], samples: &mut Samples) {
        let mut by_label = BTreeMap::<_, (usize, Duration)>::new();
        // Those that have something to say have the labels first.
        let (busy, idle): (Vec<_>, Vec<_>) = sites.iter().partition(|site| site.in_flight() > 0);
        for site in busy {
            let label = self.site_labels.of(site.name());
            self.was_in_flight.insert(label.clone());
            let (count, oldest) = by_label.entry(label).or_default();
            *count += site.in_flight();
            *oldest = (*oldest).max(site.oldest());
        }
        for site in idle {
            by_label.entry(self.site_labels.of(site.name())).or_default();
        }
        for label in &self.was_in_flight {
            by_label.entry(label.clone()).or_default();
        }
        for (label, (count, oldest)) in by_label {
            samples.add(table::IN_FLIGHT, [label.clone()], count as f64);
            samples.add(table::OLDEST, [label], oldest.as_secs_f64());
        }
    }

    fn calls(&mut self, sites: &[SiteReport], samples: &mut Samples) {
        let mut by_label = BTreeMap::<_, [usize; 5]>::new();
        let mut cut = BTreeMap::<_, usize>::new();
        for site in sites {
            if let Some(kind) = connection_kind(site.name(), site.location()) {
                *cut.entry(kind).or_default() += site.abandoned();
                continue;
            }
            let counts = [
                site.admitted(),
                site.refused(),
                site.finished(),
                site.cancelled(),
                site.abandoned(),
            ];
            let all = by_label.entry(self.site_labels.of(site.name())).or_default();
            all.iter_mut().zip(counts).for_each(|(all, count)| *all += count);
        }
        let metrics =
            [table::ADMITTED, table::REFUSED, table::FINISHED, table::CANCELLED, table::ABANDONED];
        for (label, counts) in by_label {
            for (metric, count) in metrics.into_iter().zip(counts) {
                samples.add(metric, [label.clone()], count as f64);
            }
        }
        for (kind, count) in cut {
            samples.add(table::CONNECTIONS_CUT, [kind.into()], count as f64);
        }
    }
}

/// Consumers and classes are as many as the program declares.
fn jobs(jobs: &[JobStatus], samples: &mut Samples) {
    let own = |name: &str| Cow::from(name.to_owned());
    for of in jobs {
        let (consumer, class) = (own(&of.consumer), own(&of.class));
        samples.add(table::JOBS_RECEIVED, [consumer.clone(), class.clone()], of.received as f64);
        for (outcome, count) in of.ended() {
            let labels = [consumer.clone(), class.clone(), outcome.into()];
            samples.add(table::JOBS, labels, count as f64);
        }
    }
}

fn last_shutdown(last: &LastShutdown, samples: &mut Samples) {
    let LastShutdown { report, at } = last;
    samples.add(table::LAST_CLEAN, [], yes(report.is_clean()));
    samples.add(table::LAST_EXIT_CODE, [], report.exit_code().into());
    samples.add(table::LAST_DURATION, [], report.total().as_secs_f64());
    samples.add(table::LAST_DRAIN, [], report.drain().took().as_secs_f64());
    if let Some(budget) = report.drain().allotted() {
        samples.add(table::LAST_DRAIN_BUDGET, [], budget.as_secs_f64());
    }
    samples.add(table::LAST_ABANDONED, [], report.drain().abandoned() as f64);
    // A text that somebody wrote is no label: there would be as many as there are texts.
    samples.add(table::LAST_REASON, [report.reason().kind().into()], 1.0);
    samples.add(table::LAST_TIMESTAMP, [], at.as_secs_f64());
}

#[derive(Default)]
struct Samples(Vec<Sample>);

impl Samples {
    fn add<const N: usize>(
        &mut self,
        metric: &'static Metric,
        labels: [Cow<'static, str>; N],
        value: f64,
    ) {
        debug_assert_eq!(metric.labels.len(), N, "{}", metric.name);
        self.0.push(Sample { metric, labels: labels.into(), value });
    }
}

/// The names that have a label of their own: who was first has it for good.
#[derive(Default)]
struct Labels(HashMap<String, Arc<str>>);

impl Labels {
    fn of(&mut self, name: &str) -> Cow<'static, str> {
        if self.0.len() >= LABELS && !self.0.contains_key(name) {
            return OTHER.into();
        }
        let label = self.0.entry(name.to_owned()).or_insert_with(|| name.into());
        label.to_string().into()
    }
}

pub(crate) fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::TimedOut => "timed_out",
        Outcome::NotStarted => "not_started",
        Outcome::NotProvided(_) => "not_provided",
        other => other.word(),
    }
}

fn yes(it_is: bool) -> f64 {
    f64::from(u8::from(it_is))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
