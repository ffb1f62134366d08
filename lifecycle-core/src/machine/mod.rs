//! What decides: a pure machine. What happened and when goes in, what is to be done comes out; it has no
//! clock, no signal and no task of its own.
//!
//! Invariants:
//! 1. `handle` is the only thing that changes it: everything that happens is an [`Input`], everything it
//!    decides is an [`Effect`].
//! 2. Each input comes with the moment at which it was posted, and that decides whether it was in time.
//!    Whoever drives it lets time pass first: a `Tick` for each [`due_before`](Machine::due_before) that
//!    moment. What begins now (a hook, a cancelling, the drain) begins at what the clock shows.
//! 3. The deadline is looked at with every input, by what the clock shows, before anything of the
//!    input is believed but the numbers that move it.
//! 4. One call starts at most [`START_BATCH`](teardown) hooks: the next wake-up is then at once.
//!
//! `stop` has the request and its budget, `drain`, `teardown` and `components` what comes after it; `escalation` says what
//! signals do, `hook_timeout` when hooks are cancelled, `exit_code` how the process ends.

mod components;
mod drain;
mod effect;
mod escalation;
mod exit_code;
mod extension;
mod guard;
mod hook_timeout;
mod input;
mod progress;
mod stop;
mod teardown;
#[cfg(test)]
mod tests;
mod time;

use std::time::Duration;

use crate::{
    Plan, Reason, State,
    budget::{Budget, Workload},
    config::Settings,
};

use self::{
    components::{ComponentStop, Components},
    escalation::Received,
    extension::Extension,
    stop::Stop,
    time::Time,
};
pub(crate) use self::{
    drain::{Cut, Drain, Dropping},
    effect::{Effect, ExitWhy, Guard, Step, TeardownHook},
    exit_code::{CONFIGURATION_CODE, DEADLINE_CODE, STOPPED_JOB_CODE, exit_code_of},
    hook_timeout::ABORT_GRACE,
    input::{End, Facts, Input, MainEnd},
    progress::Phase,
    teardown::Teardown,
    time::Moment,
};

const READY_EXPECTED: Duration = Duration::from_secs(60);

pub(crate) struct Machine {
    settings: Settings,
    workload: Workload,
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
    /// Whether the drain left calls, or some panicked after the request.
    unclean_calls: bool,
    /// Whether a job returned that had seen the stop, and did not say that it is complete.
    interrupted: bool,
    /// When hooks and resources have to be gone.
    hooks_until: Option<Moment>,
    resources_until: Option<Moment>,
    resources_dropped: bool,
    components: Components,
    extension: Extension,
    finished: Option<Finished>,
    breached: bool,
    guard: Option<Guard>,
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
    /// When the process is to have ended, unless somebody lives on.
    due: Option<Moment>,
    /// The same until it is ended.
    exit_at: Option<Moment>,
    code: u8,
}

impl Machine {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            workload: Workload::default(),
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
            unclean_calls: false,
            interrupted: false,
            hooks_until: None,
            resources_until: None,
            resources_dropped: false,
            components: Components::default(),
            extension: Extension::default(),
            finished: None,
            breached: false,
            guard: None,
        }
    }

    /// Takes in what happened, at `at`, and says what to do, in this order.
    pub(crate) fn handle(&mut self, at: Moment, facts: Facts, input: Input) -> Vec<Effect> {
        let time = Time { at, now: facts.now.max(at) };
        let mut effects = Vec::new();
        if !input.moves_deadline() && self.breaches(time, &mut effects) {
            return effects;
        }
        match input {
            Input::Prepared { settings, workload } => {
                if self.run == Run::Before && self.stop.is_none() {
                    self.settings = *settings;
                    self.workload = workload;
                }
            }
            Input::UnderMain => self.under_main = true,
            Input::Workload(workload) => self.workload = workload,
            Input::Signal { signal, sender, on_terminal } => {
                self.signal(time, signal, sender, on_terminal, &mut effects);
            }
            Input::Request(reason) => self.request(time, reason, &mut effects),
            Input::Ready => {
                if self.state == State::Starting && self.stop.is_none() {
                    self.not_ready_at = None;
                    self.enter(State::Running, &mut effects);
                }
            }
            Input::RunBegan { settings, workload, under_main } => {
                self.run_began(time, *settings, workload, under_main, &mut effects);
            }
            Input::MainEnded(end) => self.main_ended(time, facts, end, &mut effects),
            Input::RunDropped => self.run_dropped(time, &mut effects),
            Input::GateClosed { listeners, tracks } => {
                self.gate_closed(listeners, tracks, &mut effects);
            }
            Input::DrainEnded { unclean, cancels } => {
                self.unclean_calls |= unclean;
                self.calls_ended(time, cancels);
            }
            Input::Planned(plan) => {
                let was_running = self.was_running();
                self.hooks_until = self.hooks_deadline(time.now, &plan);
                let until = self.hooks_until;
                self.teardown = Some(Teardown::new(*plan, until, was_running));
            }
            Input::Extend(plan) => {
                let verdict = self.extend(*plan);
                effects.push(Effect::Extended(verdict));
            }
            Input::ManagerTold { until, told } => {
                self.manager_told(time, until, told, &mut effects);
            }
            Input::HookEnded { hook, end } => {
                self.extension.hook_ended(time.at, &end);
                if let Some(teardown) = &mut self.teardown {
                    teardown.ended(hook, end, time, &mut effects);
                }
            }
            Input::ResourcesDropped => {
                if self.resources_until.is_some() && self.finished.is_none() {
                    self.resources_dropped = true;
                    self.stop_components(time, &mut effects);
                }
            }
            Input::ComponentsStopped { is_clean } => {
                self.components_stopped(time, is_clean, &mut effects);
            }
            Input::Tick => {}
        }
        self.advance(time, facts, &mut effects);
        self.set_guard(&mut effects);
        effects
    }

    /// The wake-up that is due before `at`: time passes in its order.
    pub(crate) fn due_before(&self, at: Moment) -> Option<Moment> {
        self.next_wake().filter(|wake| *wake < at)
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
            drain.and_then(|drain| {
                drain.next_wake(self.settings.main_timeout.value, self.run != Run::Before)
            }),
            self.teardown.as_ref().filter(|_| open).and_then(Teardown::next_wake),
            self.resources_until
                .filter(|_| open && self.components.stop == ComponentStop::NotAsked),
            self.components.next_wake().filter(|_| open),
            self.extension_wake(),
            stop.and_then(|stop| stop.deadline).filter(|_| open && !self.breached),
            self.finished.and_then(|finished| finished.exit_at),
        ];
        candidates.into_iter().flatten().min()
    }

    #[cfg(test)]
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
    fn extend(&mut self, plan: Plan) -> Result<(), &'static str> {
        if self.finished.is_some() || self.resources_until.is_some() {
            return Err("the teardown is over");
        }
        self.teardown.as_mut().map_or(Ok(()), |teardown| teardown.extend(plan))
    }

    fn enter(&mut self, state: State, effects: &mut Vec<Effect>) {
        self.state = state;
        effects.push(Effect::Enter(state));
    }

    fn run_began(
        &mut self,
        time: Time,
        settings: Settings,
        workload: Workload,
        under_main: bool,
        effects: &mut Vec<Effect>,
    ) {
        self.settings = settings;
        self.workload = workload;
        self.under_main |= under_main;
        self.run = Run::Polling;
        let teardown = self.teardown_workload();
        match &mut self.stop {
            None => self.not_ready_at = Some(time.now.after(READY_EXPECTED)),
            Some(stop) => {
                // The stop came before the configuration, whose numbers count from the request all the same.
                let grace = self.settings.grace.value;
                let drain_timeout = self.settings.drain_timeout.value;
                stop.budget = Budget::new(grace, stop.budget.delay, drain_timeout, &teardown);
                stop.deadline = stop.budget.deadline.map(|deadline| stop.at.after(deadline));
                effects.push(Effect::DeadlineMoved(stop.deadline));
                let until = stop.drain_until(time.now, drain_timeout, teardown.least());
                if let Some(drain) = &mut self.drain {
                    drain.until = until;
                }
            }
        }
    }

    fn main_ended(&mut self, time: Time, facts: Facts, end: MainEnd, effects: &mut Vec<Effect>) {
        if matches!(self.run, Run::Over(_)) {
            return;
        }
        self.interrupted = facts.stop_seen && !facts.completed && self.stop.is_some();
        self.run = Run::Over(end.clone());
        let reason = match end {
            MainEnd::Returned => Reason::MainReturned,
            MainEnd::Failed { error, .. } => Reason::MainFailed(error),
            MainEnd::Panicked(text) => Reason::MainPanicked(text),
            MainEnd::ComponentFailed(why) => Reason::Failure(why),
            MainEnd::Dropped | MainEnd::NotRun => return,
        };
        self.request(time, reason, effects);
    }

    fn run_dropped(&mut self, time: Time, effects: &mut Vec<Effect>) {
        if self.finished.is_some() {
            return;
        }
        match &mut self.stop {
            Some(stop) => {
                stop.reason = Reason::RunDropped;
                effects.push(Effect::ReasonChanged(Reason::RunDropped));
            }
            None => self.begin_stop(time, Reason::RunDropped, false, effects),
        }
        self.run = Run::Over(MainEnd::Dropped);
        let is_open = matches!(self.state, State::Starting | State::Running);
        if is_open && self.stop.as_ref().is_some_and(|stop| stop.budget.delay.is_zero()) {
            self.begin_drain(time, effects);
        } else {
            effects.push(Effect::CloseGate { main_is_polled: false });
        }
        // What is in flight is cut with main.
        effects.push(Effect::EndDrain);
        self.under_main = false;
        self.finish(time, effects);
    }

    /// Everything that follows from where things stand.
    fn advance(&mut self, time: Time, facts: Facts, effects: &mut Vec<Effect>) {
        if self.breaches(time, effects) {
            return;
        }
        self.ask_for_time(time, facts, effects);
        if self.not_ready_at.is_some_and(|at| at <= time.at) && self.state == State::Starting {
            self.not_ready_at = None;
            effects.push(Effect::NotReadyYet);
        }
        if self.state == State::Delaying {
            let over = self.stop.as_ref().is_some_and(|stop| stop.delay_until <= time.at);
            if over || self.drain_skipped || matches!(self.run, Run::Over(_)) {
                self.begin_drain(time, effects);
            }
        }
        if self.state == State::Draining {
            self.advance_drain(time, facts, effects);
        }
        if self.state == State::Stopping && self.finished.is_none() {
            self.advance_teardown(time, effects);
        }
        if let Some(finished) = &mut self.finished
            && finished.exit_at.is_some_and(|at| at <= time.at)
        {
            finished.exit_at = None;
            let why = ExitWhy::Leaked { finished: finished.at };
            effects.push(Effect::Exit { code: finished.code, why });
        }
    }

    /// Whether the deadline has passed, which is said once.
    fn breaches(&mut self, time: Time, effects: &mut Vec<Effect>) -> bool {
        if self.finished.is_some() || self.breached {
            return false;
        }
        let Some(after) = self.overrun(time.now) else { return false };
        self.breached = true;
        effects.push(Effect::Breach { code: self.exit_code(), after });
        true
    }

    fn advance_teardown(&mut self, time: Time, effects: &mut Vec<Effect>) {
        let Some(teardown) = &mut self.teardown else { return };
        teardown.advance(time, effects);
        if !teardown.is_done() {
            return;
        }
        match self.resources_until {
            None => {
                let timeout = self.settings.hook_timeout.value;
                let until = self.resources_deadline(time.now);
                let until = until.unwrap_or_else(|| time.now.after(timeout));
                self.resources_until = Some(until);
                effects.push(Effect::DropResources);
            }
            Some(until) if until <= time.at && self.components.stop == ComponentStop::NotAsked => {
                self.stop_components(time, effects);
            }
            Some(_) => {}
        }
        if self.finished.is_none() {
            self.enforce_component_timeout(time, effects);
        }
    }

    fn finish(&mut self, time: Time, effects: &mut Vec<Effect>) {
        let exit_at = time.now.after(self.settings.exit_timeout.value);
        let exit_at = self.deadline().map_or(exit_at, |end| exit_at.min(end.max(time.now)));
        let due = self.is_armed().then_some(exit_at);
        self.finished = Some(Finished { at: time.at, due, exit_at: due, code: self.exit_code() });
        self.enter(State::Stopped, effects);
        effects.push(Effect::Finish);
    }

    pub(crate) fn finished_at(&self) -> Option<Moment> {
        self.finished.map(|finished| finished.at)
    }
}
