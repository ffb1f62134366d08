//! A machine, and around it what the driver does, without threads, tasks or time of its own: the clock
//! jumps to whatever is due next.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::{
    super::{Effect, End, Facts, Input, Machine, MainEnd, Moment, Step, progress::Progress},
    ms,
    resources::{Store, Supply},
};
use crate::{
    Config, Plan, Reason, Signal, State,
    budget::Workload,
    config::{Environment, Linked, Settings},
    declare::HookId,
};

/// What a hook does once it has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Completes(Duration),
    Fails(Duration),
    Panics(Duration),
    /// Waits for ever, and needs this long to go when it is cancelled.
    Hangs {
        goes: Duration,
    },
    /// Cannot be cancelled; ends by itself after this time, if ever.
    Blocks(Option<Duration>),
}

impl Does {
    fn ends_after(self) -> Option<(Duration, End)> {
        match self {
            Self::Completes(after) => Some((after, End::Completed)),
            Self::Fails(after) => Some((after, End::Failed("no".to_owned()))),
            Self::Panics(after) => Some((after, End::Panicked("boom".to_owned()))),
            Self::Blocks(after) => after.map(|after| (after, End::Completed)),
            Self::Hangs { .. } => None,
        }
    }

    /// How long it needs to go when it is cancelled; `None`: it does not.
    const fn goes(self) -> Option<Duration> {
        match self {
            Self::Hangs { goes } => Some(goes),
            Self::Blocks(_) => None,
            _ => Some(Duration::ZERO),
        }
    }
}

/// What main does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Main {
    /// How many ask for `draining()`.
    pub(super) listeners: usize,
    /// When it returns, from the beginning of the drain.
    pub(super) returns: Option<Duration>,
    /// How long dropping it takes; `None`: it blocks.
    pub(super) drop_takes: Option<Duration>,
}

impl Main {
    /// Returns as soon as the drain begins.
    pub(super) const PROMPT: Self =
        Self { listeners: 1, returns: Some(Duration::ZERO), drop_takes: Some(Duration::ZERO) };
    /// Knows nothing of the drain.
    pub(super) const DEAF: Self =
        Self { listeners: 0, returns: None, drop_takes: Some(Duration::ZERO) };
    /// Asked for `draining()` and does not return.
    pub(super) const SLOW: Self =
        Self { listeners: 1, returns: None, drop_takes: Some(Duration::ZERO) };
}

/// What happens by itself.
#[derive(Clone, Debug)]
enum Due {
    Input(Input),
    CallEnds,
    Hook { hook: HookId, run: usize, end: End },
}

pub(super) struct Simulator {
    pub(super) machine: Machine,
    pub(super) now: Duration,
    pub(super) in_flight: usize,
    pub(super) ended: u64,
    /// Whether the service manager can be told.
    pub(super) manager_hears: bool,
    pub(super) trace: Vec<(Duration, Effect)>,
    pub(super) main: Main,
    pub(super) plan: Plan,
    /// What hooks do; those that are not here complete at once.
    pub(super) does: HashMap<HookId, Does>,
    /// What second steps do.
    pub(super) does_second: HashMap<HookId, Does>,
    pub(super) store: Store,
    /// Whether the drain leaves calls, whatever is in flight here.
    pub(super) abandons: bool,
    /// How many calls the drain's end cancels that are never answered.
    pub(super) cancelling: usize,
    /// Whether anything of the program is tracked.
    pub(super) tracks: bool,
    pub(super) stop_seen: bool,
    pub(super) completed: bool,
    /// How long destructors take; `None`: for ever.
    pub(super) dropping_takes: Option<Duration>,
    /// How long components take to stop, and whether that is clean; `None`: for ever.
    pub(super) components_take: Option<(Duration, bool)>,
    due: BTreeMap<(Duration, u64), Due>,
    next: u64,
    /// The current run of each hook: what an earlier one was to do is void.
    runs: HashMap<HookId, (usize, Does)>,
}

/// As where a service manager is there, which matters only where the configuration wants it.
pub(super) fn settings(config: &Config) -> Settings {
    let linked = Linked { manager: Some(true), ..Linked::default() };
    Settings::resolve(config, &Environment { linked, ..Environment::default() }).0
}

impl Simulator {
    /// Before `run`, as `#[lifecycle::main]` or `install` leave it.
    pub(super) fn before_run(plan: Plan) -> Self {
        Self {
            machine: Machine::new(settings(&Config::new())),
            now: Duration::ZERO,
            in_flight: 0,
            ended: 0,
            manager_hears: true,
            trace: Vec::new(),
            main: Main::PROMPT,
            plan,
            does: HashMap::new(),
            does_second: HashMap::new(),
            store: Store::new(&Supply::Everything),
            abandons: false,
            cancelling: 0,
            tracks: true,
            stop_seen: false,
            completed: false,
            dropping_takes: Some(Duration::ZERO),
            components_take: Some((Duration::ZERO, true)),
            due: BTreeMap::new(),
            next: 0,
            runs: HashMap::new(),
        }
    }

    /// Main is polled, and not ready.
    pub(super) fn starting(config: &Config, plan: Plan) -> Self {
        let mut simulator = Self::before_run(plan);
        simulator.begin_run(config);
        simulator
    }

    pub(super) fn running(config: &Config, plan: Plan) -> Self {
        let mut simulator = Self::starting(config, plan);
        simulator.handle(Input::Ready);
        simulator
    }

    pub(super) fn begin_run(&mut self, config: &Config) {
        self.begin_run_under(config, false);
    }

    pub(super) fn begin_run_under(&mut self, config: &Config, under_main: bool) {
        let settings = Box::new(settings(config));
        let workload = Workload::from(&self.plan);
        let not_run = self.machine.stop().is_some();
        self.handle(Input::RunBegan { settings, workload, under_main });
        if not_run {
            self.handle(Input::MainEnded(MainEnd::NotRun));
        }
    }

    pub(super) fn at(&mut self, moment: Duration, input: Input) {
        self.schedule(moment, Due::Input(input));
    }

    pub(super) fn signal_at(&mut self, moment: Duration, signal: Signal) {
        self.at(moment, Input::Signal { signal, sender: None, on_terminal: false });
    }

    /// A call is in flight until then.
    pub(super) fn call_until(&mut self, moment: Duration) {
        self.in_flight += 1;
        self.schedule(moment, Due::CallEnds);
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        self.handle(Input::Signal { signal, sender: None, on_terminal: false });
    }

    pub(super) fn request(&mut self, reason: impl Into<Reason>) {
        self.handle(Input::Request(reason.into()));
    }

    /// Lets time pass until nothing is due any more, or the process would have ended.
    pub(super) fn run(&mut self) {
        self.run_until(Duration::MAX);
    }

    /// Lets time pass; what is due at `limit` is done.
    pub(super) fn run_until(&mut self, limit: Duration) {
        while !self.has_ended() {
            let scripted = self.due.first_key_value().map(|((moment, _), _)| *moment);
            let wake = self.next_wake();
            let Some(next) =
                [scripted, wake].into_iter().flatten().min().filter(|next| *next <= limit)
            else {
                break;
            };
            self.now = self.now.max(next);
            if scripted == Some(next)
                && let Some((_, due)) = self.due.pop_first()
            {
                self.happen(due);
            } else {
                self.handle(Input::Tick);
            }
        }
        if limit != Duration::MAX {
            self.now = self.now.max(limit);
        }
    }

    /// As the driver does it: the answer to an effect is handled before the effect after it.
    pub(super) fn handle(&mut self, input: Input) {
        let tick = matches!(input, Input::Tick);
        let effects = self.decide(input);
        if tick && effects.is_empty() {
            let wake = self.next_wake();
            assert!(
                wake.is_none_or(|wake| wake > self.now),
                "at {:?} in {:?} it wants to be woken at {wake:?}, and has nothing to do",
                self.now,
                self.machine.state(),
            );
        }
        self.carry_out(effects);
    }

    /// The clock shows `now`, and what was posted before is read only then: as the driver does it.
    pub(super) fn read_late(&mut self, now: Duration, posted: Vec<(Duration, Input)>) {
        self.now = now;
        for (at, input) in posted {
            let at = Moment::new(at);
            while let Some(due) = self.machine.due_before(at).filter(|_| !self.has_ended()) {
                self.take(due, Input::Tick);
            }
            self.take(at, input);
        }
        self.handle(Input::Tick);
    }

    fn take(&mut self, at: Moment, input: Input) {
        let facts = self.facts();
        let effects = self.machine.handle(at, facts, input);
        self.carry_out(effects);
    }

    /// What the machine makes of `input`, not carried out.
    pub(super) fn decide(&mut self, input: Input) -> Vec<Effect> {
        let now = Moment::new(self.now);
        self.machine.handle(now, self.facts(), input)
    }

    fn facts(&self) -> Facts {
        Facts {
            now: Moment::new(self.now),
            in_flight: self.in_flight,
            ended: self.ended,
            cancelling: self.cancelling,
            listens: self.main.listeners > 0,
            stop_seen: self.stop_seen,
            completed: self.completed,
        }
    }

    pub(super) fn next_wake(&self) -> Option<Duration> {
        self.machine.next_wake().map(Moment::reading)
    }

    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if self.has_ended() {
                break;
            }
            if let Effect::Enter(state) = effect {
                assert!(self.states().last().is_none_or(|last| *last < state), "back to {state}");
            }
            self.trace.push((self.now, effect.clone()));
            match effect {
                Effect::CloseGate { .. } => {
                    let (listeners, tracks) = (self.main.listeners, self.tracks);
                    self.handle(Input::GateClosed { listeners, tracks });
                }
                Effect::Enter(State::Draining) => {
                    let polled = self.machine.has_run() && self.machine.main_end().is_none();
                    if let (true, true, Some(after)) =
                        (polled, self.main.listeners > 0, self.main.returns)
                    {
                        self.at(self.now + after, Input::MainEnded(MainEnd::Returned));
                    }
                }
                Effect::EndDrain => {
                    let unclean = self.abandons || self.in_flight > 0;
                    self.handle(Input::DrainEnded { unclean, cancels: self.cancelling > 0 });
                }
                Effect::GiveUpCancelling => {
                    self.cancelling = 0;
                    self.handle(Input::DrainEnded { unclean: true, cancels: false });
                }
                Effect::DropMain => {
                    if let Some(takes) = self.main.drop_takes {
                        self.at(self.now + takes, Input::MainEnded(MainEnd::Dropped));
                    }
                }
                Effect::TellManager { until, .. } => {
                    self.handle(Input::ManagerTold { until, told: self.manager_hears });
                }
                Effect::PlanTeardown => self.handle(Input::Planned(Box::new(self.plan.clone()))),
                Effect::Step(step) => self.step(&step),
                Effect::DropResources => {
                    if let Some(takes) = self.dropping_takes {
                        self.at(self.now + takes, Input::ResourcesDropped);
                    }
                }
                Effect::StopComponents => {
                    if let Some((takes, is_clean)) = self.components_take {
                        self.at(self.now + takes, Input::ComponentsStopped { is_clean });
                    }
                }
                _ => {}
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Start { hook: planned, .. } => {
                let hook = &planned.id();
                let does = self.does.get(hook).copied().unwrap_or(Does::Completes(Duration::ZERO));
                match self.store.start(planned) {
                    Ok(()) => self.start(*hook, does),
                    Err(why) => {
                        let run = self.begin(*hook, does);
                        self.schedule(
                            self.now,
                            Due::Hook { hook: *hook, run, end: End::Skipped(why) },
                        );
                    }
                }
            }
            Step::Fallback { hook, .. } => {
                let hook = &hook.id();
                let does =
                    self.does_second.get(hook).copied().unwrap_or(Does::Completes(Duration::ZERO));
                self.start(*hook, does);
            }
            Step::Abort { hook } => {
                let hook = &hook.id();
                let Some((_, does)) = self.runs.get(hook).copied() else { return };
                if let Some(goes) = does.goes() {
                    let run = self.begin(*hook, does);
                    self.schedule(
                        self.now + goes,
                        Due::Hook { hook: *hook, run, end: End::Dropped { began: true } },
                    );
                }
            }
            Step::Stuck { .. } | Step::Ended { .. } => {}
        }
    }

    fn start(&mut self, hook: HookId, does: Does) {
        let run = self.begin(hook, does);
        if let Some((after, end)) = does.ends_after() {
            self.schedule(self.now + after, Due::Hook { hook, run, end });
        }
    }

    fn begin(&mut self, hook: HookId, does: Does) -> usize {
        let run = self.runs.get(&hook).map_or(0, |(run, _)| run + 1);
        self.runs.insert(hook, (run, does));
        run
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Input(input) => self.handle(input),
            Due::CallEnds => {
                self.in_flight -= 1;
                self.ended += 1;
                self.handle(Input::Tick);
            }
            Due::Hook { hook, run, end } => {
                if self.runs.get(&hook).is_some_and(|(current, _)| *current == run) {
                    self.store.ended(hook);
                    self.handle(Input::HookEnded { hook, end });
                }
            }
        }
    }

    fn schedule(&mut self, moment: Duration, due: Due) {
        self.next += 1;
        self.due.insert((moment.max(self.now), self.next), due);
    }

    /// Whether the process would be gone.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.trace.last(), Some((_, Effect::Breach { .. } | Effect::Exit { .. })))
    }

    /// When the effect was carried out first.
    pub(super) fn when(&self, wanted: impl Fn(&Effect) -> bool) -> Option<Duration> {
        self.trace.iter().find(|(_, effect)| wanted(effect)).map(|(moment, _)| *moment)
    }

    pub(super) fn count(&self, wanted: impl Fn(&Effect) -> bool) -> usize {
        self.trace.iter().filter(|(_, effect)| wanted(effect)).count()
    }

    pub(super) fn entered(&self, state: State) -> Option<Duration> {
        self.when(|effect| *effect == Effect::Enter(state))
    }

    /// The states in the order in which everybody was told of them.
    pub(super) fn states(&self) -> Vec<State> {
        let state = |(_, effect): &(Duration, Effect)| match effect {
            Effect::Enter(state) => Some(*state),
            _ => None,
        };
        self.trace.iter().filter_map(state).collect()
    }

    pub(super) fn finished(&self) -> Option<Duration> {
        self.when(|effect| *effect == Effect::Finish)
    }

    pub(super) fn breached(&self) -> Option<Duration> {
        self.when(|effect| matches!(effect, Effect::Breach { .. }))
    }

    pub(super) fn exited(&self) -> Option<(Duration, u8)> {
        self.trace.iter().find_map(|(moment, effect)| match effect {
            Effect::Exit { code, .. } => Some((*moment, *code)),
            _ => None,
        })
    }

    /// What the teardown knows of the hook.
    pub(super) fn progress(&self, hook: HookId) -> &Progress {
        let teardown = self.machine.teardown().expect("the teardown has begun");
        let at = teardown.plan().hooks().iter().position(|planned| planned.id() == hook);
        &teardown.progress()[at.expect("the hook is in the plan")]
    }
}

#[test]
fn the_simulator_stops_a_service() {
    let mut simulator = Simulator::running(
        &Config::new().grace_period(ms(30_000)),
        Plan::build(vec![], vec![], vec![]),
    );
    simulator.call_until(ms(1_700));
    simulator.signal_at(ms(1_000), Signal::Term);
    simulator.run();
    assert_eq!(
        simulator.states(),
        [State::Running, State::Draining, State::Stopping, State::Stopped]
    );
    assert_eq!(simulator.entered(State::Draining), Some(ms(1_000)));
    assert_eq!(simulator.entered(State::Stopping), Some(ms(1_700)));
    assert_eq!(simulator.finished(), Some(ms(1_700)));
}
