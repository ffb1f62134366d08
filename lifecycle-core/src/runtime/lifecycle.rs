//! The state of one lifecycle, and the shell that carries out what the machine decides.
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
    clock::Clock,
    finish::Publication,
    log::Log,
    machine::{Effect, Facts, Input, Machine},
    meaning::Meaning,
    pulse::Pulse,
    readiness::Readiness,
    registration::Registry,
    run::StartLine,
    stage::Stage,
    supervisor::Supervisor,
    teardown::{Moment, Step},
};
use crate::{
    Config, Event, Events, Plan, Reason, Report, Sender, Signal, SourceLocation, State,
    event::Bus,
    inflight::{Gate, GateObserver, context},
    plan::{HookId, HookTimeouts, PlannedHook},
    resource::Resources,
    settings::{Environment, Settings},
    site::SiteEntry,
    sys::{self, Call},
    terminal::plain_lines,
};

pub(crate) struct Lifecycle {
    pub(super) gate: Arc<Gate>,
    pub(super) resources: Resources,
    pub(super) registry: Registry,
    pub(super) readiness: Readiness,
    pub(super) log: Log,
    pub(super) supervisor: Supervisor,
    pub(super) runtime: OnceLock<Handle>,
    pub(super) tasks: Mutex<HashMap<HookId, AbortHandle>>,
    /// The resource whose destructor runs, and since when.
    pub(super) dropping: Mutex<Option<(String, Moment)>>,
    pub(super) publication: Publication,
    pub(super) pulse: Pulse,
    pub(super) start_line: StartLine,
    /// The plan that `run` was given, before what came at run time.
    pub(super) base_plan: OnceLock<Plan>,
    /// What the environment says of single hooks.
    pub(super) hook_timeouts: OnceLock<HookTimeouts>,
    pub(super) shutdown_id: OnceLock<String>,
    /// Where those asked who listened when the drain began.
    told: OnceLock<Vec<SourceLocation>>,
    /// Where this is the lifecycle of a test.
    pub(super) stage: Option<Stage>,
    clock: Clock,
    machine: Mutex<Machine>,
    inbox: Mutex<VecDeque<Work>>,
    state: watch::Sender<State>,
    /// Whether the machine has heard of `run`, and of every signal before it.
    begun: watch::Sender<bool>,
    drop_main: watch::Sender<bool>,
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
    pub(super) fn process() -> &'static Self {
        static PROCESS: LazyLock<&'static Lifecycle> =
            LazyLock::new(|| Lifecycle::make(Arc::clone(Gate::process()), Clock::of_process(), None));
        &PROCESS
    }

    /// That of the scenario on this thread, else that of the process.
    pub(super) fn current() -> &'static Self {
        let owner = context::own_gate().and_then(|gate| gate.owner());
        owner.and_then(|owner| owner.downcast_ref()).unwrap_or_else(Self::process)
    }

    /// A new one. It is never freed: that of the process lives as long as it, and what a test's holds is
    /// dropped with its scenario.
    pub(crate) fn make(gate: Arc<Gate>, clock: Clock, stage: Option<Stage>) -> &'static Self {
        let lifecycle: &'static Self = Box::leak(Box::new(Self::new(gate, clock, stage)));
        lifecycle.gate.set_owner(lifecycle);
        lifecycle.gate.set_observer(Arc::new(Observer(lifecycle)));
        lifecycle
    }

    fn new(gate: Arc<Gate>, clock: Clock, stage: Option<Stage>) -> Self {
        let (settings, _) = Settings::resolve(&Config::new(), &environment_of(stage.as_ref()));
        Self {
            log: Log::new(stage.is_some()),
            stage,
            gate,
            resources: Resources::default(),
            registry: Registry::default(),
            readiness: Readiness::default(),
            supervisor: Supervisor::default(),
            runtime: OnceLock::new(),
            tasks: Mutex::default(),
            dropping: Mutex::default(),
            publication: Publication::default(),
            pulse: Pulse::default(),
            start_line: StartLine::default(),
            base_plan: OnceLock::new(),
            hook_timeouts: OnceLock::new(),
            shutdown_id: OnceLock::new(),
            told: OnceLock::new(),
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
    pub(super) fn environment(&self) -> Environment {
        environment_of(self.stage.as_ref())
    }

    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Whether this is the first `run`.
    pub(super) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    /// Whether `run` has begun and the report is not final.
    pub(super) fn is_running(&self) -> bool {
        self.claimed.load(Ordering::Acquire) && self.state() < State::Stopped
    }

    pub(super) fn state(&self) -> State {
        *self.state.borrow()
    }

    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Whether `run` has begun and waits for [`confirm_begin`](Self::confirm_begin).
    pub(super) fn has_begun_unconfirmed(&self) -> bool {
        self.machine().has_run() && !*self.begun.borrow()
    }

    pub(super) fn confirm_begin(&self) {
        self.begun.send_replace(true);
    }

    /// Waits until the machine knows of `run` and of every signal that came before it.
    pub(super) async fn begin_is_confirmed(&self) {
        // The sender lives as long as the process.
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
    }

    pub(super) fn main_is_to_be_dropped(&self) -> watch::Receiver<bool> {
        self.drop_main.subscribe()
    }

    pub(super) fn subscribe(&self) -> Events {
        self.bus.subscribe()
    }

    pub(super) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the machine, from any thread, without waiting.
    pub(super) fn post(&self, input: Input) {
        self.push(Work::Input(input));
        self.ring();
    }

    /// Has effects carried out that the machine decided outside of a turn.
    pub(super) fn post_effects(&self, effects: Vec<Effect>) {
        for effect in effects {
            self.push(Work::Effect(effect));
        }
        self.ring();
    }

    /// Wakes whoever drives.
    pub(super) fn ring(&self) {
        match &self.stage {
            Some(stage) => stage.ring(),
            None => self.supervisor.ring(),
        }
    }

    /// Something woke the thread that drives.
    pub(super) fn call(&self, call: Call) {
        if let Call::Signal(signal, sender) = call
            && self.supervisor.heeds(signal)
        {
            let by_key = signal == Signal::Int && !matches!(sender, Some(Sender::Process { .. }));
            let on_terminal = by_key && sys::on_terminal();
            self.push(Work::Input(Input::Signal { signal, sender, on_terminal }));
        }
    }

    /// Works off what has been posted and what time brings; says when the next turn is due.
    pub(super) fn turn(&'static self) -> Option<Moment> {
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
        let pulse = self.feel_pulse(self.now());
        let machine = self.machine().next_wake();
        let wake = [machine, publication, pulse].into_iter().flatten().min();
        if self.lock_inbox().is_empty() { wake } else { Some(Duration::ZERO) }
    }

    /// The plan as it is now: what `run` was given, what was registered, and who uses what.
    pub(super) fn plan(&self) -> Plan {
        let base = self.base_plan.get().cloned().unwrap_or_else(Plan::declared);
        let mut plan = base.with_hooks(self.registry.specs()).with_uses(self.resources.uses());
        if let Some(timeouts) = self.hook_timeouts.get() {
            timeouts.apply(&mut plan);
        }
        plan
    }

    /// Tells whoever wants to know.
    pub(super) fn tell(&self, event: Event) {
        self.bus.send(&event);
        if self.stage.is_none()
            && sys::stderr_is_terminal()
            && let Some(line) = super::log::terminal_line(&event)
        {
            sys::write_stderr(&format!("{line}\n"));
        }
        self.log.event(event);
    }

    /// A line on stderr, whatever subscriber is installed.
    pub(super) fn say(&self, line: &str) {
        self.say_all([line]);
    }

    /// Lines on stderr, given up together where stderr blocks.
    pub(super) fn say_all(&self, lines: impl IntoIterator<Item: AsRef<str>>) {
        let lines = lines.into_iter().map(|line| plain_lines(line.as_ref()));
        let text: String = lines.map(|line| format!("lifecycle: {line}\n")).collect();
        if !text.is_empty() && self.stage.is_none() {
            sys::write_stderr(&text);
        }
    }

    /// Whether a stop was asked for that the machine has not heard of.
    pub(super) fn has_request_waiting(&self) -> bool {
        let asks = |work: &Work| matches!(work, Work::Input(Input::Request(_) | Input::Signal { .. }));
        self.lock_inbox().iter().any(asks)
    }

    fn push(&self, work: Work) {
        self.lock_inbox().push_back(work);
    }

    fn lock_inbox(&self) -> MutexGuard<'_, VecDeque<Work>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&'static self, input: Input) {
        let requested = self.machine().stop().is_none();
        let facts = Facts { now: self.now(), in_flight: self.gate.in_flight() };
        let effects = self.machine().handle(facts, input);
        if requested {
            self.announce_request();
        }
        self.carry_out_all(effects);
    }

    /// The stop got its id and its reason before anything is done about it.
    fn announce_request(&'static self) {
        let Some(reason) = self.machine().stop().map(|stop| stop.reason.clone()) else { return };
        let shutdown_id = self.shutdown_id.get_or_init(new_shutdown_id).clone();
        self.start_line.say(&self.log);
        self.tell(Event::Requested { reason, shutdown_id });
    }

    /// Effects, and the inputs that they bring about at once.
    fn carry_out_all(&'static self, effects: Vec<Effect>) {
        for effect in effects {
            if let Some(input) = self.carry_out(effect) {
                let planned = matches!(input, Input::Planned(_));
                self.handle(input);
                if planned {
                    self.admit_latecomers();
                }
            }
        }
    }

    /// Hooks that were registered while the final plan was put together.
    fn admit_latecomers(&'static self) {
        let plan = self.plan();
        let mut machine = self.machine();
        let known = machine.teardown().map_or(0, |teardown| teardown.plan().hooks().len());
        if plan.hooks().len() == known {
            return;
        }
        let extended = machine.extend(plan, self.now());
        drop(machine);
        if let Ok(effects) = extended {
            self.carry_out_all(effects);
        }
    }

    fn carry_out(&'static self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Enter(state) => self.enter(state),
            Effect::Heard { signal, sender, meaning } => self.heard(signal, sender, meaning),
            Effect::CloseGate => {
                // Those who listen are told by the very closing, and some are gone the moment they know.
                let told = self.gate.listeners();
                let listeners = told.len();
                let _ = self.told.set(told);
                self.gate.close();
                self.say_what_main_gets(listeners);
                return Some(Input::GateClosed { listeners });
            }
            Effect::EndDrain => {
                self.gate.abandon();
                let sites: Vec<_> =
                    self.gate.report().into_iter().filter(|site| site.abandoned() > 0).collect();
                if !sites.is_empty() {
                    self.tell(Event::Abandoned { sites });
                }
            }
            Effect::DropMain => {
                self.drop_main.send_replace(true);
            }
            Effect::PlanTeardown => return Some(Input::Planned(Box::new(self.plan()))),
            Effect::Step(step) => self.step(step),
            Effect::DropResources => self.drop_resources(),
            Effect::Progress => self.progress(),
            Effect::NotReadyYet => self.not_ready_yet(),
            Effect::Finish => self.finish(),
            Effect::Breach => self.breach(),
            Effect::Exit { code, why } => self.exit(code, why),
        }
        None
    }

    pub(super) fn enter(&self, state: State) {
        if state == State::Stopping {
            self.resources.close();
        }
        self.start_line.say(&self.log);
        let time_left = self.machine().time_left(self.now());
        self.tell(Event::State { state, time_left });
        self.state.send_replace(state);
        if state == State::Running {
            self.warn_of_missing_resources();
        }
    }

    /// Where those asked who listened when the drain began; most of them are gone once they know.
    fn told(&self) -> Vec<SourceLocation> {
        self.told.get().cloned().unwrap_or_default()
    }

    fn say_what_main_gets(&self, listeners: usize) {
        let main_is_running = {
            let machine = self.machine();
            machine.has_run() && machine.main_end().is_none()
        };
        if !main_is_running {
            return;
        }
        if listeners > 0 {
            let places = places(&self.told());
            self.log.info(&format!("main has the drain's time to return: draining() was asked at {places}"));
            return;
        }
        self.log.info("main is dropped as soon as nothing is in flight: nobody asked for draining()");
        // Nothing tells what main is doing, and nobody will tell main.
        let nothing_is_tracked =
            !self.gate.is_used() && inventory::iter::<SiteEntry>.into_iter().next().is_none();
        if nothing_is_tracked {
            self.warn(
                "nobody listens to draining() and nothing is tracked: this stop cuts whatever main is doing; see \
                 #[tracked] and lifecycle::draining()",
            );
        }
    }

    fn heard(&self, signal: Signal, sender: Option<Sender>, meaning: Meaning) {
        if meaning == Meaning::Exits {
            self.announce_exit();
        }
        self.tell(Event::Signal { signal, sender, did: meaning.did(), next: meaning.next() });
    }

    fn progress(&self) {
        let machine = self.machine();
        let time_left = machine.time_left(self.now());
        let main_is_running = machine.main_end().is_none();
        drop(machine);
        let waiting_for_main = if main_is_running { self.told() } else { Vec::new() };
        self.tell(Event::Drain { sites: self.gate.snapshot(), waiting_for_main, time_left });
    }

    fn step(&'static self, step: Step) {
        match step {
            Step::Start { hook, timeout } => {
                let Some(planned) = self.planned(hook) else { return };
                self.tell(Event::HookStarted {
                    name: planned.name().to_owned(),
                    location: planned.location(),
                    timeout,
                });
                self.launch(&planned, timeout);
            }
            Step::Reserve { hook, .. } => self.launch_reserve(hook),
            Step::Abort { hook } => {
                let task = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).get(&hook).cloned();
                if let Some(task) = task {
                    task.abort();
                }
            }
            Step::Stuck { hook, elapsed } => {
                let Some(planned) = self.planned(hook) else { return };
                let why = if self.pulse.waits_for_a_worker(hook) {
                    format!("no worker of the runtime was free for it within {elapsed:.1?}")
                } else {
                    format!("it has been running for {elapsed:.1?} and cannot be stopped")
                };
                self.say(&format!(
                    "hook `{}` ({}) is stuck: {why}; its successors start beside it",
                    planned.name(),
                    planned.location(),
                ));
                self.tell(Event::HookStuck {
                    name: planned.name().to_owned(),
                    location: planned.location(),
                    elapsed,
                });
            }
            Step::Ended { hook, outcome, took } => {
                let Some(planned) = self.planned(hook) else { return };
                let is_clean = !self.machine().is_unclean(&outcome);
                self.tell(Event::HookEnded {
                    name: planned.name().to_owned(),
                    location: planned.location(),
                    outcome,
                    is_clean,
                    took,
                });
            }
        }
    }

    pub(super) fn planned(&self, hook: HookId) -> Option<PlannedHook> {
        let machine = self.machine();
        machine.teardown()?.plan().hooks().iter().find(|planned| planned.id() == hook).cloned()
    }

    fn warn_of_missing_resources(&self) {
        for hook in self.plan().hooks() {
            for missing in self.resources.missing(hook.needs()) {
                self.warn(&format!(
                    "hook `{}` ({}) would be skipped: {missing}; lifecycle::provide it, or make the parameter an \
                     Option",
                    hook.name(),
                    hook.location(),
                ));
            }
        }
    }

    fn not_ready_yet(&self) {
        let holds = self.readiness.holds();
        let why = if holds.is_empty() {
            "main has neither called lifecycle::ready() nor asked for draining()".to_owned()
        } else {
            format!("held by {}", holds.join(", "))
        };
        self.warn(&format!("still starting after 60 s: {why}"));
    }

    pub(super) fn warn(&self, text: &str) {
        self.log.warn(text);
        self.bus.send(&Event::Notice { text: text.to_owned() });
    }

    /// The report, once it is final.
    pub(super) fn report(&self) -> Option<Report> {
        self.publication.get()
    }

    pub(super) fn request(&self, reason: Reason) {
        self.post(Input::Request(reason.redacted()));
    }
}

/// A test has none.
fn environment_of(stage: Option<&Stage>) -> Environment {
    stage.map_or_else(Environment::of_process, |_| Environment::default())
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

fn places(told: &[SourceLocation]) -> String {
    told.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Short, and different for each stop that a log may show: of the process id and the time.
fn new_shutdown_id() -> String {
    let time =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{:x}-{:x}", std::process::id(), time & 0xff_ffff_ffff)
}
