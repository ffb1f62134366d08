//! The state of one lifecycle, and how it is driven: what is posted, in turn, through the machine.
//!
//! Invariants:
//! 1. Only the thread that drives a lifecycle calls `turn`, so effects are carried out in the order in
//!    which they were decided. Everybody else posts.
//! 2. No code of the application runs on that thread, nor under any lock of this module.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::watch, task::AbortHandle};

use super::{
    clock::Clock, driver::Driver, finish::Publication, harness::Harness, linked::linked, log::Log,
    readiness::Readiness, registry::Registry, run::StartLine, watchdog::Watchdog,
};
use crate::machine::{Effect, Input, Machine, Moment};
use crate::{
    Config, Event, Events, Plan, Reason, Report, Signal, SignalSender, SourceLocation, State,
    admission::{Gate, GateObserver, context},
    config::{Environment, HookTimeouts, Settings},
    declare::HookId,
    event::Bus,
    os::{self, Call},
    plan::PlannedHook,
    resource::Resources,
    text::terminal::plain_lines,
};

pub(crate) struct Lifecycle {
    pub(crate) gate: Arc<Gate>,
    pub(crate) resources: Resources,
    pub(crate) registry: Registry,
    pub(crate) readiness: Readiness,
    pub(crate) log: Log,
    pub(crate) driver: Driver,
    pub(crate) runtime: OnceLock<Handle>,
    pub(crate) tasks: Mutex<HashMap<HookId, AbortHandle>>,
    /// The resource whose destructor runs, and since when.
    pub(crate) dropping: Mutex<Option<(String, Moment)>>,
    pub(crate) publication: Publication,
    pub(crate) watchdog: Watchdog,
    pub(crate) start_line: StartLine,
    /// The plan that `run` was given, before what came at run time.
    pub(crate) base_plan: OnceLock<Plan>,
    /// What the environment says of single hooks.
    pub(crate) hook_timeouts: OnceLock<HookTimeouts>,
    pub(crate) shutdown_id: OnceLock<String>,
    /// Where those asked who listened when the drain began.
    pub(crate) listeners: OnceLock<Vec<SourceLocation>>,
    /// Where this is the lifecycle of a test.
    pub(crate) harness: Option<Harness>,
    clock: Clock,
    machine: Mutex<Machine>,
    inbox: Mutex<VecDeque<Work>>,
    state: watch::Sender<State>,
    /// Whether the machine has heard of `run`, and of every signal before it.
    begun: watch::Sender<bool>,
    pub(crate) drop_main: watch::Sender<bool>,
    bus: Bus,
    claimed: AtomicBool,
}

/// What waits for the thread that drives.
enum Work {
    Input(Input),
    Effect(Effect),
}

impl Lifecycle {
    /// That of the process.
    pub(crate) fn process() -> &'static Self {
        static PROCESS: LazyLock<&'static Lifecycle> = LazyLock::new(|| {
            Lifecycle::make(Arc::clone(Gate::process()), Clock::of_process(), None)
        });
        &PROCESS
    }

    /// That of the scenario on this thread, else that of the process.
    pub(crate) fn current() -> &'static Self {
        let owner = context::own_gate().and_then(|gate| gate.owner());
        owner.and_then(|owner| owner.downcast_ref()).unwrap_or_else(Self::process)
    }

    /// A new one. It is never freed: that of the process lives as long as it, and what a test's holds is
    /// dropped with its scenario.
    pub(crate) fn make(gate: Arc<Gate>, clock: Clock, harness: Option<Harness>) -> &'static Self {
        let lifecycle: &'static Self = Box::leak(Box::new(Self::new(gate, clock, harness)));
        lifecycle.gate.set_owner(lifecycle);
        lifecycle.gate.set_observer(Arc::new(Observer(lifecycle)));
        lifecycle
    }

    fn new(gate: Arc<Gate>, clock: Clock, harness: Option<Harness>) -> Self {
        let (settings, _) = Settings::resolve(&Config::new(), &environment_of(harness.as_ref()));
        Self {
            log: Log::new(harness.is_some()),
            harness,
            gate,
            resources: Resources::default(),
            registry: Registry::default(),
            readiness: Readiness::default(),
            driver: Driver::default(),
            runtime: OnceLock::new(),
            tasks: Mutex::default(),
            dropping: Mutex::default(),
            publication: Publication::default(),
            watchdog: Watchdog::default(),
            start_line: StartLine::default(),
            base_plan: OnceLock::new(),
            hook_timeouts: OnceLock::new(),
            shutdown_id: OnceLock::new(),
            listeners: OnceLock::new(),
            clock,
            machine: Mutex::new(Machine::new(settings)),
            inbox: Mutex::default(),
            state: watch::Sender::new(State::Starting),
            begun: watch::Sender::new(false),
            drop_main: watch::Sender::new(false),
            bus: Bus::default(),
            claimed: AtomicBool::new(false),
        }
    }

    /// The environment that counts.
    pub(crate) fn environment(&self) -> Environment {
        environment_of(self.harness.as_ref())
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Whether this is the first `run`.
    pub(crate) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    /// Whether `run` has begun and the report is not final.
    pub(crate) fn is_running(&self) -> bool {
        self.claimed.load(Ordering::Acquire) && self.state() < State::Stopped
    }

    pub(crate) fn state(&self) -> State {
        *self.state.borrow()
    }

    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Whether `run` has begun and waits for [`confirm_begin`](Self::confirm_begin).
    pub(crate) fn has_begun_unconfirmed(&self) -> bool {
        self.machine().has_run() && !*self.begun.borrow()
    }

    pub(crate) fn confirm_begin(&self) {
        self.begun.send_replace(true);
    }

    /// Waits until the machine knows of `run` and of every signal that came before it.
    pub(crate) async fn begin_is_confirmed(&self) {
        // The sender lives as long as the process.
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
    }

    pub(crate) fn main_is_to_be_dropped(&self) -> watch::Receiver<bool> {
        self.drop_main.subscribe()
    }

    pub(crate) fn subscribe(&self) -> Events {
        self.bus.subscribe()
    }

    pub(crate) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the machine, from any thread, without waiting.
    pub(crate) fn post(&self, input: Input) {
        self.push(Work::Input(input));
        self.wake();
    }

    /// Has effects carried out that the machine decided outside of a turn.
    pub(crate) fn post_effects(&self, effects: Vec<Effect>) {
        for effect in effects {
            self.push(Work::Effect(effect));
        }
        self.wake();
    }

    /// Wakes whoever drives.
    pub(crate) fn wake(&self) {
        match &self.harness {
            Some(harness) => harness.wake(),
            None => self.driver.wake(),
        }
    }

    /// Something woke the thread that drives.
    pub(crate) fn call(&self, call: Call) {
        if let Call::Signal(signal, sender) = call
            && self.driver.listens_for(signal)
        {
            let by_key =
                signal == Signal::Int && !matches!(sender, Some(SignalSender::Process { .. }));
            let on_terminal = by_key && os::on_terminal();
            self.push(Work::Input(Input::Signal { signal, sender, on_terminal }));
        }
    }

    /// Works off what has been posted and what time bwakes; says when the next turn is due.
    pub(crate) fn turn(&'static self) -> Option<Moment> {
        loop {
            let work = self.lock_inbox().pop_front();
            match work {
                Some(Work::Input(input)) => self.handle(input),
                Some(Work::Effect(effect)) => self.carry_out_all(vec![effect]),
                None => break,
            }
        }
        self.handle(Input::Tick);
        let publication = self.publication.poll(self.now());
        let watchdog = self.check_watchdog(self.now());
        let machine = self.machine().next_wake();
        let wake = [machine, publication, watchdog].into_iter().flatten().min();
        if self.lock_inbox().is_empty() { wake } else { Some(Duration::ZERO) }
    }

    /// The plan as it is now: what `run` was given, what was registered, and who uses what.
    pub(crate) fn plan(&self) -> Plan {
        let base = self.base_plan.get().cloned().unwrap_or_else(Plan::declared);
        let mut plan = base.with_hooks(self.registry.specs()).with_uses(self.resources.uses());
        if let Some(timeouts) = self.hook_timeouts.get() {
            timeouts.apply(&mut plan);
        }
        plan
    }

    /// Tells whoever wants to know.
    pub(crate) fn emit(&self, event: Event) {
        self.bus.send(&event);
        if self.harness.is_none()
            && os::stderr_is_terminal()
            && let Some(line) = super::log::terminal_line(&event)
        {
            os::write_stderr(&format!("{line}\n"));
        }
        self.log.event(event);
    }

    /// A line on stderr, whatever subscriber is installed.
    pub(crate) fn eprint(&self, line: &str) {
        self.eprint_all([line]);
    }

    /// Lines on stderr, given up together where stderr blocks.
    pub(crate) fn eprint_all(&self, lines: impl IntoIterator<Item: AsRef<str>>) {
        let lines = lines.into_iter().map(|line| plain_lines(line.as_ref()));
        let text: String = lines.map(|line| format!("lifecycle: {line}\n")).collect();
        if !text.is_empty() && self.harness.is_none() {
            os::write_stderr(&text);
        }
    }

    /// Whether a stop was asked for that the machine has not heard of.
    pub(crate) fn has_request_waiting(&self) -> bool {
        let asks =
            |work: &Work| matches!(work, Work::Input(Input::Request(_) | Input::Signal { .. }));
        self.lock_inbox().iter().any(asks)
    }

    fn push(&self, work: Work) {
        self.lock_inbox().push_back(work);
    }

    fn lock_inbox(&self) -> MutexGuard<'_, VecDeque<Work>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, state: State) {
        if state == State::Stopping {
            self.resources.close();
        }
        self.start_line.log(&self.log);
        let time_left = self.machine().time_left(self.now());
        self.emit(Event::State { state, time_left });
        self.state.send_replace(state);
        if state == State::Running {
            self.warn_of_missing_resources();
        }
    }

    pub(crate) fn planned(&self, hook: HookId) -> Option<PlannedHook> {
        let machine = self.machine();
        machine.teardown()?.plan().hooks().iter().find(|planned| planned.id() == hook).cloned()
    }

    pub(crate) fn warn(&self, text: &str) {
        self.log.warn(text);
        self.bus.send(&Event::Notice { text: text.to_owned() });
    }

    /// The report, once it is final.
    pub(crate) fn report(&self) -> Option<Report> {
        self.publication.get()
    }

    pub(crate) fn request(&self, reason: Reason) {
        self.post(Input::Request(reason.redacted()));
    }
}

/// A test has none.
fn environment_of(harness: Option<&Harness>) -> Environment {
    harness.map_or_else(|| Environment::of_process(linked()), |_| Environment::default())
}

/// What the gate tells the lifecycle.
struct Observer(&'static Lifecycle);

impl GateObserver for Observer {
    fn idle(&self) {
        self.0.post(Input::Tick);
    }

    fn first_listener(&self) {
        self.0.readiness.ask();
        self.0.check_ready();
    }
}
