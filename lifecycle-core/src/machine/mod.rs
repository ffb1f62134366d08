//! What decides: a pure machine. What happened and when goes in, what is to be done comes out; it has no
//! clock, no signal and no task of its own. The driver around it (`shell.rs`) carries the effects out.
//!
//! What it knows of a stop, of the drain, of signals and of exit codes stands in files of their own.

mod drain;
mod escalation;
mod exit_code;
mod stop;
mod teardown;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::{
    Plan, Reason, Signal, SignalSender, State, budget::Budget, config::Settings, declare::HookId,
    values::SignalAction,
};

pub(crate) use self::teardown::{ABORT_GRACE, End, Moment, Phase, Step, Teardown};
use self::{
    drain::{Drain, Dropping},
    escalation::Received,
    stop::Stop,
};

const READY_EXPECTED: Duration = Duration::from_secs(60);

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Signal {
        signal: Signal,
        sender: Option<SignalSender>,
        on_terminal: bool,
    },
    Request(Reason),
    /// Main is ready and nobody holds readiness.
    Ready,
    /// `run` began; main is about to be polled unless a stop is under way.
    RunBegan {
        settings: Box<Settings>,
        worst_case: Duration,
        under_main: bool,
    },
    MainEnded(MainEnd),
    RunDropped,
    GateClosed {
        listeners: usize,
    },
    Planned(Box<Plan>),
    HookEnded {
        hook: HookId,
        end: End,
    },
    ResourcesDropped,
    /// Only time passed, or what is in flight changed.
    Tick,
}

/// How main ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MainEnd {
    Returned,
    /// `interrupted`: after a call of its own was refused.
    Failed {
        error: String,
        interrupted: bool,
    },
    Panicked(String),
    Dropped,
    NotRun,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    Enter(State),
    SignalReceived {
        signal: Signal,
        sender: Option<SignalSender>,
        action: SignalAction,
    },
    /// Refuse fresh work, and say who listened: `Input::GateClosed`.
    CloseGate,
    /// The drain is over: what is still in flight is abandoned.
    EndDrain,
    /// Drop main, and say so: `Input::MainEnded`.
    DropMain,
    /// Put the final plan together: `Input::Planned`.
    PlanTeardown,
    Step(Step),
    /// Drop what no hook took: `Input::ResourcesDropped`.
    DropResources,
    /// Say what is in flight.
    Progress,
    /// Say that readiness has not come.
    NotReadyYet,
    /// The report is final.
    Finish,
    /// The deadline passed: say who holds the process, and end it with 124.
    Breach,
    /// End the process, as a signal asked for the last step or the exit timeout passed.
    Exit {
        code: u8,
        why: ExitWhy,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitWhy {
    LastStep(Signal),
    AfterRun(Signal),
    Leaked,
}

/// What the machine has to be told with every input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) now: Moment,
    pub(crate) in_flight: usize,
}

pub(crate) struct Machine {
    settings: Settings,
    worst_case: Duration,
    under_main: bool,
    state: State,
    stop: Option<Stop>,
    drain_skipped: bool,
    last_counted: Option<Moment>,
    received: Vec<Received>,
    run: Run,
    not_ready_at: Option<Moment>,
    drain: Option<Drain>,
    teardown: Option<Teardown>,
    resources_until: Option<Moment>,
    finished: Option<Finished>,
    breached: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Run {
    Before,
    Polling,
    Over(MainEnd),
}

#[derive(Clone, Copy, Debug)]
struct Finished {
    at: Moment,
    exit_at: Option<Moment>,
    code: u8,
}

impl Machine {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            worst_case: Duration::ZERO,
            under_main: false,
            state: State::Starting,
            stop: None,
            drain_skipped: false,
            last_counted: None,
            received: Vec::new(),
            run: Run::Before,
            not_ready_at: None,
            drain: None,
            teardown: None,
            resources_until: None,
            finished: None,
            breached: false,
        }
    }

    /// Takes in what happened, and says what to do, in this order.
    pub(crate) fn handle(&mut self, facts: Facts, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Signal { signal, sender, on_terminal } => {
                self.signal(facts.now, signal, sender, on_terminal, &mut effects);
            }
            Input::Request(reason) => self.request(facts.now, reason, false, &mut effects),
            Input::Ready => {
                if self.state == State::Starting && self.stop.is_none() {
                    self.not_ready_at = None;
                    self.enter(State::Running, &mut effects);
                }
            }
            Input::RunBegan { settings, worst_case, under_main } => {
                self.run_began(facts.now, *settings, worst_case, under_main);
            }
            Input::MainEnded(end) => self.main_ended(facts.now, end, &mut effects),
            Input::RunDropped => self.run_dropped(facts.now, &mut effects),
            Input::GateClosed { listeners } => {
                if self.state == State::Draining
                    && let Some(drain) = &mut self.drain
                {
                    drain.gate_closed = true;
                    drain.main_was_told = listeners > 0;
                    // Said before anything that follows from it, whose state is a later one.
                    self.enter(State::Draining, &mut effects);
                }
            }
            Input::Planned(plan) => {
                let deadline = self.stop.as_ref().and_then(|stop| stop.deadline);
                let drained = self.drain.is_none_or(|drain| !drain.timed_out);
                let (teardown, steps) = Teardown::begin(*plan, facts.now, deadline, drained);
                self.teardown = Some(teardown);
                effects.extend(steps.into_iter().map(Effect::Step));
            }
            Input::HookEnded { hook, end } => {
                if let Some(teardown) = &mut self.teardown {
                    effects
                        .extend(teardown.ended(hook, end, facts.now).into_iter().map(Effect::Step));
                }
            }
            Input::ResourcesDropped => {
                if self.resources_until.is_some() && self.finished.is_none() {
                    self.finish(facts.now, &mut effects);
                }
            }
            Input::Tick => {}
        }
        self.advance(facts, &mut effects);
        effects
    }

    /// When the next `Input::Tick` is due, if nothing happens before.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        let stop = self.stop.as_ref();
        let open = self.finished.is_none();
        let delaying = stop.filter(|_| self.state == State::Delaying).map(|stop| stop.delay_until);
        let drain = self.drain.as_ref().filter(|_| self.state == State::Draining);
        let candidates = [
            self.not_ready_at,
            delaying,
            drain
                .filter(|drain| !drain.time_is_up && self.run != Run::Before)
                .and_then(|drain| drain.until),
            drain.and_then(|drain| match drain.dropping {
                Dropping::Until(until) => Some(until),
                Dropping::No | Dropping::GivenUp => None,
            }),
            drain.map(|drain| drain.next_progress),
            self.teardown.as_ref().filter(|_| open).and_then(Teardown::next_wake),
            self.resources_until.filter(|_| open),
            stop.and_then(|stop| stop.deadline).filter(|_| open && !self.breached),
            self.finished.and_then(|finished| finished.exit_at),
        ];
        candidates.into_iter().flatten().min()
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) const fn teardown(&self) -> Option<&Teardown> {
        self.teardown.as_ref()
    }

    pub(crate) const fn has_run(&self) -> bool {
        !matches!(self.run, Run::Before)
    }

    /// How main ended; `None` while it is polled.
    pub(crate) const fn main_end(&self) -> Option<&MainEnd> {
        match &self.run {
            Run::Over(end) => Some(end),
            Run::Before | Run::Polling => None,
        }
    }

    /// Whether a signal ended the delay or the drain.
    pub(crate) const fn is_drain_skipped(&self) -> bool {
        self.drain_skipped
    }

    /// Whether the process has to end soon after the report.
    fn is_armed(&self) -> bool {
        self.under_main || matches!(self.stop, Some(Stop { reason: Reason::Signal { .. }, .. }))
    }

    /// Goes on with a plan that has more hooks, while the teardown runs.
    pub(crate) fn extend(&mut self, plan: Plan, now: Moment) -> Result<Vec<Effect>, &'static str> {
        if self.finished.is_some() || self.resources_until.is_some() {
            return Err("the teardown is over");
        }
        // Before the teardown has a plan, the driver still puts it together.
        let Some(teardown) = &mut self.teardown else { return Ok(Vec::new()) };
        Ok(teardown.extend(plan, now)?.into_iter().map(Effect::Step).collect())
    }

    fn enter(&mut self, state: State, effects: &mut Vec<Effect>) {
        self.state = state;
        effects.push(Effect::Enter(state));
    }

    /// The numbers that count until `run` bwakes its own: a stop may come before.
    pub(crate) fn prepare(&mut self, settings: &Settings, worst_case: Duration) {
        if self.run == Run::Before && self.stop.is_none() {
            self.settings = settings.clone();
            self.worst_case = worst_case;
        }
    }

    fn run_began(
        &mut self,
        now: Moment,
        settings: Settings,
        worst_case: Duration,
        under_main: bool,
    ) {
        self.settings = settings;
        self.worst_case = worst_case;
        self.under_main |= under_main;
        self.run = Run::Polling;
        match &mut self.stop {
            None => self.not_ready_at = Some(now.saturating_add(READY_EXPECTED)),
            Some(stop) => {
                // The stop came before the configuration: its numbers count from the request all the same.
                let grace = self.settings.grace.value;
                let drain_timeout = self.settings.drain_timeout.value;
                stop.budget = Budget::new(grace, stop.budget.delay, drain_timeout, worst_case);
                stop.deadline =
                    stop.budget.deadline.map(|deadline| stop.at.saturating_add(deadline));
                let until = stop.drain_until(now, drain_timeout);
                if let Some(drain) = &mut self.drain {
                    drain.until = until;
                }
            }
        }
    }

    fn main_ended(&mut self, now: Moment, end: MainEnd, effects: &mut Vec<Effect>) {
        if matches!(self.run, Run::Over(_)) {
            return;
        }
        self.run = Run::Over(end.clone());
        let reason = match end {
            MainEnd::Returned => Reason::MainReturned,
            MainEnd::Failed { error, .. } => Reason::MainFailed(error),
            MainEnd::Panicked(text) => Reason::MainPanicked(text),
            MainEnd::Dropped | MainEnd::NotRun => return,
        };
        self.request(now, reason, false, effects);
    }

    fn run_dropped(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.finished.is_some() {
            return;
        }
        self.request(now, Reason::RunDropped, false, effects);
        self.run = Run::Over(MainEnd::Dropped);
        if let Some(stop) = &mut self.stop {
            stop.reason = Reason::RunDropped;
        }
        effects.retain(|effect| !matches!(effect, Effect::Enter(_)));
        effects.push(Effect::CloseGate);
        self.under_main = false;
        self.finish(now, effects);
    }

    /// Everything that follows from where things stand.
    fn advance(&mut self, facts: Facts, effects: &mut Vec<Effect>) {
        let Facts { now, .. } = facts;
        if self.finished.is_none() && !self.breached && self.is_past_deadline(now) {
            self.breached = true;
            effects.push(Effect::Breach);
            return;
        }
        if self.not_ready_at.is_some_and(|at| at <= now) && self.state == State::Starting {
            self.not_ready_at = None;
            effects.push(Effect::NotReadyYet);
        }
        if self.state == State::Delaying {
            let over = self.stop.as_ref().is_some_and(|stop| stop.delay_until <= now);
            if over || self.drain_skipped || matches!(self.run, Run::Over(_)) {
                self.begin_drain(now, effects);
            }
        }
        if self.state == State::Draining {
            self.advance_drain(facts, effects);
        }
        if self.state == State::Stopping && self.finished.is_none() {
            self.advance_teardown(now, effects);
        }
        if let Some(finished) = &mut self.finished
            && finished.exit_at.is_some_and(|at| at <= now)
        {
            finished.exit_at = None;
            effects.push(Effect::Exit { code: finished.code, why: ExitWhy::Leaked });
        }
    }

    fn advance_teardown(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Some(teardown) = &mut self.teardown else { return };
        effects.extend(teardown.tick(now).into_iter().map(Effect::Step));
        if !teardown.is_done() {
            return;
        }
        match self.resources_until {
            None => {
                let timeout = self.settings.hook_timeout.value;
                let deadline = self.stop.as_ref().and_then(|stop| stop.deadline);
                self.resources_until =
                    Some(deadline.unwrap_or_else(|| now.saturating_add(timeout)));
                effects.push(Effect::DropResources);
            }
            Some(until) if until <= now => self.finish(now, effects),
            Some(_) => {}
        }
    }

    fn finish(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let deadline = self.stop.as_ref().and_then(|stop| stop.deadline);
        let exit_at = now.saturating_add(self.settings.exit_timeout.value);
        let exit_at = deadline.map_or(exit_at, |deadline| exit_at.min(deadline.max(now)));
        self.finished =
            Some(Finished { at: now, exit_at: self.is_armed().then_some(exit_at), code: 0 });
        self.enter(State::Stopped, effects);
        effects.push(Effect::Finish);
    }

    pub(crate) fn finished_at(&self) -> Option<Moment> {
        self.finished.map(|finished| finished.at)
    }

    /// The plan has changed.
    pub(crate) const fn set_worst_case(&mut self, worst_case: Duration) {
        self.worst_case = worst_case;
    }

    /// Under `#[lifecycle::main]` the process ends soon after every stop.
    pub(crate) fn arm(&mut self) {
        self.under_main = true;
    }
}
