//! One lifecycle, as everybody may touch it, from any thread.
//!
//! Invariants:
//! 1. Nothing here decides: what happens is posted to the driver, what was decided is published by it.
//! 2. No code of the application runs under any lock of this module.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::watch};

use super::{
    component_set::ComponentSet,
    forced_exit::ForcedExit,
    host::Host,
    inbox::{Inbox, Post, Posted},
    jobs::Jobs,
    kept::{KEEP_TIMEOUT, Kept},
    log::Log,
    main_task::MainTask,
    notes::Notes,
    observers::Observers,
    on_run::OnRun,
    readiness::Readiness,
    registry::Registry,
    report_slot::ReportSlot,
    status::{PublishedDrain, PublishedHooks, Status},
};
use crate::{
    Plan, Reason, Report, State,
    admission::{Gate, GateObserver},
    config::{HookTimeouts, Terminal},
    event::Bus,
    foreign::keep_out_of,
    machine::{Input, Moment},
    resource::Resources,
    text::terminal,
};

pub(crate) struct Lifecycle {
    pub(crate) host: &'static dyn Host,
    pub(crate) gate: Arc<Gate>,
    pub(crate) resources: Resources,
    pub(crate) registry: Registry,
    pub(crate) readiness: Readiness,
    pub(crate) main: MainTask,
    pub(crate) published: watch::Sender<Published>,
    pub(crate) report: ReportSlot,
    pub(crate) bus: Bus,
    pub(crate) log: Log,
    #[cfg(feature = "tokio-util")]
    pub(crate) tokens: Tokens,
    pub(crate) observers: Observers,
    pub(super) components: ComponentSet,
    pub(crate) forced_exit: ForcedExit,
    pub(crate) kept: Kept,
    pub(crate) notes: Notes,
    pub(crate) jobs: Jobs,
    /// The process lives on once the report is there.
    pub(super) lets_live: AtomicBool,
    inbox: Inbox,
    run: OnceLock<RunContext>,
    claimed: AtomicBool,
}

/// Those that were asked for.
#[cfg(feature = "tokio-util")]
#[derive(Default)]
pub(crate) struct Tokens {
    pub(crate) draining: OnceLock<tokio_util::sync::CancellationToken>,
    pub(crate) requested: OnceLock<tokio_util::sync::CancellationToken>,
}

/// Where the lifecycle stands, as the driver published it last: all of it is of one moment.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) state: State,
    /// Of the stop that is under way.
    pub(crate) reason: Option<Reason>,
    pub(crate) deadline: Option<Moment>,
    /// Whether nothing is in flight any more, or the drain's time is up.
    pub(crate) drained: bool,
    pub(super) hooks: PublishedHooks,
    pub(super) drain: Option<PublishedDrain>,
}

/// What `run` was called with.
pub(crate) struct RunContext {
    pub(crate) runtime: Handle,
    /// The plan that it was given, before what comes at run time.
    pub(crate) plan: Plan,
    /// What the environment says of single hooks.
    pub(crate) hook_timeouts: HookTimeouts,
    pub(crate) terminal: Terminal,
}

impl Lifecycle {
    /// A new one. It is never freed: that of the process lives as long as it, and what a test's holds is
    /// dropped with its scenario.
    pub(crate) fn make(gate: Arc<Gate>, host: &'static dyn Host, log: Log) -> &'static Self {
        let published = Published {
            state: State::Starting,
            reason: None,
            deadline: None,
            drained: false,
            hooks: PublishedHooks::default(),
            drain: None,
        };
        let lifecycle: &'static Self = Box::leak(Box::new(Self {
            host,
            gate,
            resources: Resources::default(),
            registry: Registry::default(),
            readiness: Readiness::default(),
            main: MainTask::default(),
            published: watch::Sender::new(published),
            report: ReportSlot::default(),
            bus: Bus::default(),
            log,
            #[cfg(feature = "tokio-util")]
            tokens: Tokens::default(),
            observers: Observers::default(),
            components: ComponentSet::default(),
            forced_exit: ForcedExit::default(),
            kept: Kept::default(),
            notes: Notes::default(),
            jobs: Jobs::default(),
            lets_live: AtomicBool::new(false),
            inbox: Inbox::default(),
            run: OnceLock::new(),
            claimed: AtomicBool::new(false),
        }));
        lifecycle.gate.set_owner(lifecycle);
        lifecycle.gate.set_observer(Arc::new(ToldByGate(lifecycle)));
        lifecycle
    }

    pub(crate) fn now(&self) -> Moment {
        self.host.now()
    }

    /// Tells the driver, from any thread, without waiting.
    pub(crate) fn post(&self, input: Input) {
        self.send(Post::Input(input));
    }

    pub(crate) fn send(&self, post: Post) {
        self.inbox.push(self.host, post);
        self.host.wake();
    }

    /// For the driver: what was posted first, or the moment up to which nothing was.
    pub(super) fn next_posted(&self) -> Result<Posted, Moment> {
        self.inbox.next(self.host)
    }

    /// Asks for a stop; only the first one is taken, and costs anything.
    pub(crate) fn request(&self, reason: Reason) {
        if !self.inbox.claim_request() {
            return;
        }
        self.host.guard_request();
        self.disarm_guard_if_over();
        self.post(Input::Request(reason.redacted()));
    }

    /// Drops what is kept to the end of the log, and waits for it in its time.
    pub(super) fn drop_kept(&self) {
        let timeout = self.time_left().map_or(KEEP_TIMEOUT, |left| left.min(KEEP_TIMEOUT));
        self.eprint_all(self.kept.end(self.runtime().cloned(), timeout));
    }

    /// Has linked crates do their part; what they panic with is said.
    pub(super) fn have_linked(&self, act: impl Fn(OnRun) -> Result<(), String>) {
        for linked in self.host.begins() {
            if let Err(said) = act(linked) {
                let said = terminal::plain_lines(&said);
                let line = format!("what a linked crate does in the run panicked: {said}");
                self.eprint(&line);
                self.warn(&line);
            }
        }
    }

    /// The first report stands.
    pub(super) fn publish_report(&self, report: Report) {
        // Who waits for it is woken elsewhere, whoever publishes: one waker must not hold the others.
        keep_out_of(|| self.report.publish(report));
        self.disarm_guard_if_over();
        self.host.wake();
    }

    /// Becomes `Running` if everything is there for it.
    pub(crate) fn check_ready(&self) {
        if self.is_running() && self.state() == State::Starting && self.readiness.is_given() {
            self.post(Input::Ready);
        }
    }

    /// Whether this is the first `run`.
    pub(crate) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::SeqCst)
    }

    /// Whether `run` has begun and the report is not final.
    pub(crate) fn is_running(&self) -> bool {
        self.claimed.load(Ordering::SeqCst) && self.state() < State::Stopped
    }

    /// What `run` is called with; of the first one.
    pub(super) fn set_run(&self, run: RunContext) {
        let _ = self.run.set(run);
    }

    /// The runtime that `run` brought.
    pub(crate) fn runtime(&self) -> Option<&Handle> {
        self.run.get().map(|run| &run.runtime)
    }

    pub(super) fn terminal(&self) -> Terminal {
        self.run.get().map_or(Terminal::Full, |run| run.terminal)
    }

    pub(crate) fn state(&self) -> State {
        self.published.borrow().state
    }

    /// Whether a stop was asked for, whether or not the driver has taken that.
    pub(crate) fn is_stop_asked_for(&self) -> bool {
        self.published.borrow().reason.is_some()
            || self.state() > State::Running
            || self.inbox.has_request()
    }

    /// Why the stop is under way.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.published.borrow().reason.clone()
    }

    /// What is left until the deadline of the stop that is under way.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let deadline = self.published.borrow().deadline;
        deadline.map(|deadline| deadline.since(self.now()))
    }

    /// The plan as it is now: what `run` was given, what was registered, and who uses what.
    pub(crate) fn plan(&self) -> Plan {
        let run = self.run.get();
        let base = run.map_or_else(Plan::declared, |run| run.plan.clone());
        let mut plan = base.with_hooks(self.registry.specs()).with_uses(self.resources.uses());
        if let Some(run) = run {
            run.hook_timeouts.apply(&mut plan);
        }
        plan
    }

    /// What is published holds still meanwhile: state, reason, deadline and hooks are of one moment, and
    /// readiness and the sites are looked at within it.
    pub(crate) fn status(&self) -> Status {
        let published = self.published.borrow();
        let (is_given, holds) = self.readiness.look();
        let now = self.now();
        Status {
            state: published.state,
            ready: published.state == State::Running && is_given,
            reason: published.reason.clone(),
            time_left: published.deadline.map(|deadline| deadline.since(now)),
            hooks: published.hooks.status(now),
            sites: self.gate.snapshot(),
            holds,
            drain: published.drain.map(|drain| drain.status(now)),
            jobs: self.jobs.status(),
        }
    }

    /// Whether something is in flight, or a stop is under way.
    pub(super) fn is_active(&self) -> bool {
        let published = self.published.borrow();
        let is_stopping = published.reason.is_some() && published.state < State::Stopped;
        drop(published);
        is_stopping || self.gate.in_flight() > 0
    }

    /// The report, once it is final.
    pub(crate) fn report(&self) -> Option<Report> {
        self.report.get()
    }
}

/// What the gate tells the lifecycle.
struct ToldByGate(&'static Lifecycle);

impl GateObserver for ToldByGate {
    fn idle(&self) {
        self.0.post(Input::Tick);
    }

    fn nothing_to_cancel(&self) {
        self.0.post(Input::Tick);
    }

    fn first_call(&self) {
        self.0.observers.wake();
    }

    fn first_listener(&self) {
        self.0.readiness.ask();
        self.0.check_ready();
    }
}
