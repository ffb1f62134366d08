//! What decides: a pure machine. What happened and when goes in, what is to be done comes out; it has no
//! clock, no signal and no task of its own. The shell around it (`lifecycle.rs`) carries the effects out.
//!
//! The ladder: the first signal asks for a stop; an interrupt after it ends the delay and the drain; one
//! more ends the process. Signals within `MERGE` of the last one that counted are that one.

use std::time::Duration;

use super::{
    meaning::Meaning,
    teardown::{End, JOIN_PATIENCE, Moment, Step, Teardown},
};
use crate::{
    Plan, Reason, Sender, Signal, State,
    budget::{ASSUMED_DRAIN, Budget},
    plan::HookId,
    settings::Settings,
};

/// Signals this close to the last counted one are one with it.
pub(crate) const MERGE: Duration = Duration::from_millis(500);
/// What the drain leaves at least, so that main can go and the report be written before the deadline.
const END_ROOM: Duration = Duration::from_millis(250);
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
const READY_EXPECTED: Duration = Duration::from_secs(60);
/// How many signals the report tells of.
const HEARD: usize = 64;

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Signal {
        signal: Signal,
        sender: Option<Sender>,
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
    Heard {
        signal: Signal,
        sender: Option<Sender>,
        meaning: Meaning,
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
    /// End the process, as a signal asked for the last rung or the exit timeout passed.
    Exit {
        code: u8,
        why: ExitWhy,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitWhy {
    LastRung(Signal),
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
    hurried: bool,
    last_counted: Option<Moment>,
    heard: Vec<Heard>,
    run: Run,
    not_ready_at: Option<Moment>,
    drain: Option<Drain>,
    teardown: Option<Teardown>,
    resources_until: Option<Moment>,
    finished: Option<Finished>,
    breached: bool,
}

/// A signal that was heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) signal: Signal,
    pub(crate) at: Moment,
    pub(crate) meaning: Meaning,
}

/// A stop under way.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) reason: Reason,
    pub(crate) at: Moment,
    pub(crate) budget: Budget,
    pub(crate) deadline: Option<Moment>,
    delay_until: Moment,
    /// Whether start-up had come to its end.
    was_running: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Run {
    Before,
    Polling,
    Over(MainEnd),
}

/// The drain, from its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    pub(crate) began: Moment,
    pub(crate) ended: Option<Moment>,
    pub(crate) timed_out: bool,
    /// Whether somebody listened, so that main has the drain's time to return.
    pub(crate) main_was_told: bool,
    until: Option<Moment>,
    time_is_up: bool,
    gate_closed: bool,
    /// Whether what was left when its time was up has been counted.
    counted: bool,
    dropping: Dropping,
    next_progress: Moment,
}

/// What has been done to end main.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dropping {
    No,
    /// It was told to go, and has until then.
    Until(Moment),
    /// It did not go; the teardown begins beside it.
    GivenUp,
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
            hurried: false,
            last_counted: None,
            heard: Vec::new(),
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
                    effects.extend(teardown.ended(hook, end, facts.now).into_iter().map(Effect::Step));
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
            drain.filter(|drain| !drain.time_is_up && self.run != Run::Before).and_then(|drain| drain.until),
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

    pub(crate) const fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// The signals that were heard, the first ones.
    pub(crate) fn heard(&self) -> &[Heard] {
        &self.heard
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) const fn drain(&self) -> Option<&Drain> {
        self.drain.as_ref()
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
    pub(crate) const fn is_hurried(&self) -> bool {
        self.hurried
    }

    /// What is left until the deadline of the stop that is under way.
    pub(crate) fn time_left(&self, now: Moment) -> Option<Duration> {
        self.stop.as_ref()?.deadline.map(|deadline| deadline.saturating_sub(now))
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
        // Before the teardown has a plan, the shell still puts it together.
        let Some(teardown) = &mut self.teardown else { return Ok(Vec::new()) };
        Ok(teardown.extend(plan, now)?.into_iter().map(Effect::Step).collect())
    }

    /// The exit code, by the precedence of the codes: 128 + n by the last rung is no report's.
    pub(crate) fn exit_code(&self, abandoned: bool) -> u8 {
        let reason = self.stop.as_ref().map(|stop| &stop.reason);
        let main_returned = matches!(self.run, Run::Over(MainEnd::Returned));
        if self.settings.job && !main_returned {
            match reason {
                Some(Reason::Signal { signal, .. }) => return exit_code_of(*signal),
                Some(Reason::Requested(_)) => return 75,
                _ => {}
            }
        }
        if self.breached {
            return 124;
        }
        let main_failed =
            matches!(self.run, Run::Over(MainEnd::Failed { interrupted: false, .. } | MainEnd::Panicked(_)));
        if main_failed || reason.is_some_and(Reason::is_failure) {
            return 1;
        }
        if abandoned || self.has_unclean_hook() { 70 } else { 0 }
    }

    fn has_unclean_hook(&self) -> bool {
        let Some(teardown) = &self.teardown else { return false };
        teardown.progress().iter().any(|hook| self.is_unclean(&hook.outcome()))
    }

    /// A hook that was skipped is normal where start-up had not come to its end.
    pub(crate) fn is_unclean(&self, outcome: &crate::Outcome) -> bool {
        match outcome {
            crate::Outcome::Completed | crate::Outcome::Unregistered => false,
            crate::Outcome::Skipped(_) => self.was_running(),
            _ => true,
        }
    }

    fn was_running(&self) -> bool {
        self.stop.as_ref().is_none_or(|stop| stop.was_running())
    }

    fn enter(&mut self, state: State, effects: &mut Vec<Effect>) {
        self.state = state;
        effects.push(Effect::Enter(state));
    }

    fn signal(
        &mut self,
        now: Moment,
        signal: Signal,
        sender: Option<Sender>,
        on_terminal: bool,
        effects: &mut Vec<Effect>,
    ) {
        let climbs = signal == Signal::Int || (signal == Signal::Term && self.settings.escalate_on_term);
        let merged = self.last_counted.is_some_and(|last| now.saturating_sub(last) < MERGE);
        let meaning = if merged {
            Meaning::Merged
        } else if self.finished.is_some() {
            Meaning::Exits
        } else if self.stop.is_none() {
            Meaning::Stops
        } else if !climbs {
            Meaning::Repeated
        } else if self.hurried {
            Meaning::Exits
        } else {
            Meaning::Hurries
        };
        effects.push(Effect::Heard { signal, sender, meaning });
        if self.heard.len() < HEARD {
            self.heard.push(Heard { signal, at: now, meaning });
        }
        match meaning {
            Meaning::Merged | Meaning::Repeated => return,
            Meaning::Stops => self.request(now, Reason::Signal { signal, sender }, on_terminal, effects),
            Meaning::Hurries => self.hurried = true,
            Meaning::Exits => {
                let why = if self.finished.is_some() {
                    ExitWhy::AfterRun(signal)
                } else {
                    ExitWhy::LastRung(signal)
                };
                effects.push(Effect::Exit { code: exit_code_of(signal), why });
            }
        }
        self.last_counted = Some(now);
    }

    fn request(&mut self, now: Moment, reason: Reason, on_terminal: bool, effects: &mut Vec<Effect>) {
        if self.stop.is_some() || self.finished.is_some() {
            return;
        }
        let interactive = on_terminal && matches!(reason, Reason::Signal { signal: Signal::Int, .. });
        let alone = matches!(self.run, Run::Over(_));
        let no_delay =
            interactive || alone || reason.is_failure() || self.settings.job || self.state == State::Starting;
        let delay = if no_delay { Duration::ZERO } else { self.settings.delay.value };
        let limit = match reason {
            Reason::Signal { signal, .. } => signal.grace_limit(),
            _ => None,
        };
        let grace = [self.settings.grace.value, limit].into_iter().flatten().min();
        let budget = Budget::new(grace, delay, self.settings.drain_timeout.value, self.worst_case);
        let delay = budget.delay;
        self.not_ready_at = None;
        // A main that returned did not fail to start, ready or not.
        let was_running = self.state != State::Starting || reason == Reason::MainReturned;
        self.stop = Some(Stop {
            reason,
            at: now,
            deadline: budget.deadline.map(|deadline| now.saturating_add(deadline)),
            delay_until: now.saturating_add(delay),
            budget,
            was_running,
        });
        if delay.is_zero() {
            self.begin_drain(now, effects);
        } else {
            self.enter(State::Delaying, effects);
        }
    }

    /// The numbers that count until `run` brings its own: a stop may come before.
    pub(crate) fn prepare(&mut self, settings: &Settings, worst_case: Duration) {
        if self.run == Run::Before && self.stop.is_none() {
            self.settings = settings.clone();
            self.worst_case = worst_case;
        }
    }

    fn run_began(&mut self, now: Moment, settings: Settings, worst_case: Duration, under_main: bool) {
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
                stop.deadline = stop.budget.deadline.map(|deadline| stop.at.saturating_add(deadline));
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

    fn begin_drain(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        // Who listens is counted before anybody is told.
        effects.push(Effect::CloseGate);
        self.state = State::Draining;
        let drain_timeout = self.settings.drain_timeout.value;
        let until = self.stop.as_ref().and_then(|stop| stop.drain_until(now, drain_timeout));
        self.drain = Some(Drain {
            began: now,
            ended: None,
            timed_out: false,
            main_was_told: false,
            until,
            time_is_up: false,
            gate_closed: false,
            counted: false,
            dropping: Dropping::No,
            next_progress: now.saturating_add(PROGRESS_EVERY),
        });
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
            if over || self.hurried || matches!(self.run, Run::Over(_)) {
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

    fn is_past_deadline(&self, now: Moment) -> bool {
        self.stop.as_ref().and_then(|stop| stop.deadline).is_some_and(|deadline| deadline <= now)
    }

    fn advance_drain(&mut self, facts: Facts, effects: &mut Vec<Effect>) {
        let Facts { now, in_flight } = facts;
        let Some(drain) = &mut self.drain else { return };
        if !drain.gate_closed {
            return;
        }
        if drain.next_progress <= now {
            drain.next_progress = now.saturating_add(PROGRESS_EVERY);
            effects.push(Effect::Progress);
        }
        let main_is_over = match self.run {
            // Hooks need the runtime that `run` brings.
            Run::Before => return,
            Run::Polling => false,
            Run::Over(_) => true,
        };
        drain.time_is_up |= self.hurried || drain.until.is_some_and(|until| until <= now);
        let time_is_up = drain.time_is_up;
        let idle = in_flight == 0;
        match drain.dropping {
            Dropping::No if !main_is_over && (time_is_up || (idle && !drain.main_was_told)) => {
                drain.dropping = Dropping::Until(now.saturating_add(JOIN_PATIENCE));
                if time_is_up {
                    // Counted before main is dropped: calls inside of it are cut with it.
                    drain.counted = true;
                    effects.push(Effect::EndDrain);
                }
                effects.push(Effect::DropMain);
            }
            Dropping::Until(until) if until <= now => drain.dropping = Dropping::GivenUp,
            _ => {}
        }
        let main_is_gone = main_is_over || drain.dropping == Dropping::GivenUp;
        if !main_is_gone || !(idle || time_is_up) {
            return;
        }
        drain.ended = Some(now);
        drain.timed_out = time_is_up && !(idle && main_is_over && drain.dropping == Dropping::No);
        if !drain.counted {
            effects.push(Effect::EndDrain);
        }
        self.enter(State::Stopping, effects);
        effects.push(Effect::PlanTeardown);
    }

    fn advance_teardown(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Some(teardown) = &mut self.teardown else { return };
        effects.extend(teardown.tick(now).into_iter().map(Effect::Step));
        if !teardown.is_done() {
            return;
        }
        match self.resources_until {
            None => {
                let patience = self.settings.hook_timeout.value;
                let deadline = self.stop.as_ref().and_then(|stop| stop.deadline);
                self.resources_until = Some(deadline.unwrap_or_else(|| now.saturating_add(patience)));
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
        self.finished = Some(Finished { at: now, exit_at: self.is_armed().then_some(exit_at), code: 0 });
        self.enter(State::Stopped, effects);
        effects.push(Effect::Finish);
    }

    /// The code that the process ends with when it does not end by itself in time.
    pub(crate) fn set_final_code(&mut self, code: u8) {
        if let Some(finished) = &mut self.finished {
            finished.code = code;
        }
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

impl Stop {
    /// When a drain that begins now has to be over: what the delay did not use is the drain's.
    fn drain_until(&self, now: Moment, drain_timeout: Option<Duration>) -> Option<Moment> {
        let latest = self.deadline.map(|deadline| {
            let room = END_ROOM.min(deadline.saturating_sub(now) / 5);
            let latest = deadline.saturating_sub(self.budget.reserve.max(room));
            // What was proved is granted whole: the room is kept of what goes beyond it.
            let proven = now.saturating_add(drain_timeout.unwrap_or(ASSUMED_DRAIN));
            let fits = self.budget.delay_cut_from.is_none()
                && proven <= deadline.saturating_sub(self.budget.reserve);
            if fits { latest.max(proven) } else { latest }
        });
        let own = drain_timeout.map(|timeout| now.saturating_add(timeout));
        [latest, own].into_iter().flatten().min()
    }

    pub(crate) const fn was_running(&self) -> bool {
        self.was_running
    }
}

fn exit_code_of(signal: Signal) -> u8 {
    u8::try_from(128 + signal.number()).unwrap_or(u8::MAX)
}
