//! The driver: what only the thread has that drives a lifecycle. It takes what was posted, in turn, through
//! the machine, and carries out what that decides.
//!
//! Invariants:
//! 1. One thread at a time drives a lifecycle, and nothing but `turn` changes the machine: effects are carried
//!    out in the order in which they were decided.
//! 2. No code of the application runs on that thread, wakers and destructors included (`foreign`), but its
//!    last words once it is decided that the process ends (`forced_exit`).
//! 3. An input is taken at the moment at which it was posted: what was due before is done before. Only when
//!    nothing is posted does time pass to what the clock shows.
//! 4. Between any two inputs the signals that came are posted, and the machine looks at the deadline with each.
//!    A turn takes a bounded number of them.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{
    inbox::{Post, Posted},
    lifecycle::Lifecycle,
    running::{Dropping, Running},
    span::PromisedSpan,
    start_line::StartLine,
    watchdog::Watchdog,
};
use crate::{
    Config, Plan, Report, Signal, SourceLocation, State,
    budget::Workload,
    config::Settings,
    machine::{Facts, Input, Machine, Moment},
    os::Disposition,
    report::files::ReportFiles,
};

const INPUTS_PER_TURN: usize = 256;

pub(crate) struct Driver {
    pub(super) lifecycle: &'static Lifecycle,
    pub(super) machine: Machine,
    pub(super) shutdown_id: String,
    /// The tasks of hooks that have started and not ended.
    pub(super) running: Running,
    /// Those that hooks wait for, and until when, the first due in front.
    pub(super) spans: VecDeque<(Moment, PromisedSpan)>,
    /// A hook has waited for its span in vain.
    pub(super) span_was_late: bool,
    pub(super) dropping: Arc<Dropping>,
    pub(super) watchdog: Watchdog,
    /// Those that somebody has taken from us, as was said.
    lost_signals: Vec<Signal>,
    /// What is said once, until it is.
    pub(super) start_line: Option<StartLine>,
    /// Where those asked who listened when the drain began; most of them are gone once they know.
    pub(super) listeners: Option<Vec<SourceLocation>>,
    /// The final report, and how long the log may hold it back.
    pub(super) unpublished: Option<(Moment, Report)>,
    /// The plan as it was when it was last made, and its version.
    plan: Option<(u64, Plan)>,
    pub(super) late_plan: LatePlan,
    /// The version of the plan whose worst case the machine knows.
    worst_case_of: u64,
}

/// Which plan has been looked at, and when the next one will be.
#[derive(Default)]
pub(super) struct LatePlan {
    /// The version of the plan that was looked at last.
    pub(super) looked_at: u64,
    /// The version that waits to be looked at, and until when.
    pub(super) waits: Option<(u64, Moment)>,
}

impl Driver {
    pub(crate) fn new(lifecycle: &'static Lifecycle) -> Self {
        let (settings, _) = Settings::resolve(&Config::new(), &lifecycle.host.environment());
        Self {
            lifecycle,
            machine: Machine::new(settings),
            shutdown_id: String::new(),
            running: Running::default(),
            spans: VecDeque::new(),
            span_was_late: false,
            dropping: Arc::default(),
            watchdog: Watchdog::default(),
            lost_signals: Vec::new(),
            start_line: None,
            listeners: None,
            unpublished: None,
            plan: None,
            late_plan: LatePlan::default(),
            worst_case_of: 0,
        }
    }

    /// Works off what has been posted and what time brings; says when the next turn is due.
    pub(crate) fn turn(&mut self) -> Option<Moment> {
        let is_all = self.work_off();
        let now = self.lifecycle.now();
        self.look_at_signals();
        let publication = self.publish_when_due(now);
        let watchdog = self.check_watchdog(now);
        let late_plan = self.look_at_late_plan(now);
        let spans = self.give_up_spans(now);
        let machine = if is_all { self.machine.next_wake() } else { Some(Moment::ZERO) };
        [machine, publication, watchdog, late_plan, spans].into_iter().flatten().min()
    }

    /// Whether nothing is left.
    fn work_off(&mut self) -> bool {
        for _ in 0..INPUTS_PER_TURN {
            for signal in self.lifecycle.host.take_signals() {
                self.lifecycle.post(signal);
            }
            match self.lifecycle.next_posted() {
                Ok(posted) => self.take(posted),
                Err(now) => {
                    self.step(now, Input::Tick);
                    if self.machine.has_run() {
                        // It knows of `run`, and of every signal before it.
                        self.lifecycle.main.confirm_begin();
                    }
                    return true;
                }
            }
        }
        false
    }

    /// Says once of each signal that somebody took it from us; there is no timer for it.
    fn look_at_signals(&mut self) {
        if !self.machine.has_run() {
            return;
        }
        let lifecycle = self.lifecycle;
        for listening in lifecycle.host.listening(&self.machine.settings().signals) {
            let signal = listening.signal;
            if listening.disposition == Disposition::Replaced
                && !self.lost_signals.contains(&signal)
            {
                self.lost_signals.push(signal);
                let line = format!(
                    "{signal} may not be heard any more: a handler was installed after lifecycle's (`ctrlc`, \
                     `sigaction`); install it before lifecycle::install, or leave the signal to lifecycle"
                );
                lifecycle.warn_somewhere(&line);
            }
        }
    }

    fn check_watchdog(&mut self, now: Moment) -> Option<Moment> {
        if !(State::Delaying..=State::Stopping).contains(&self.state()) {
            return None;
        }
        let Self { lifecycle, watchdog, running, .. } = self;
        let main = &lifecycle.main.poll_timer;
        let (complaints, next) =
            watchdog.look(now, running.poll_timers(), main, lifecycle.runtime());
        for complaint in complaints {
            lifecycle.warn_somewhere(&complaint);
        }
        Some(next)
    }

    fn take(&mut self, Posted { at, post }: Posted) {
        while let Some(due) = self.machine.due_before(at) {
            self.step(due, Input::Tick);
            if self.machine.due_before(at) == Some(due) && due != Moment::ZERO {
                break;
            }
        }
        match post {
            Post::Input(input) => {
                self.learn_worst_case(at, &input);
                self.step(at, input);
            }
            Post::RunBegan { input, plan_version, start_line } => {
                self.publish(|published| published.hooks.planned = start_line.hooks);
                self.start_line = Some(start_line);
                self.worst_case_of = plan_version;
                self.looked_at_plan(plan_version);
                self.step(at, input);
            }
            Post::Register { id, hook, verdict } => {
                // Who does not wait any more needs no answer.
                let _ = verdict.send(self.register(at, id, hook));
            }
        }
    }

    pub(super) fn step(&mut self, at: Moment, input: Input) {
        let effects = self.machine.handle(at, self.facts(), input);
        self.carry_out_all(at, effects);
    }

    pub(super) fn facts(&self) -> Facts {
        let Lifecycle { gate, main, .. } = self.lifecycle;
        Facts {
            now: self.lifecycle.now(),
            in_flight: gate.in_flight(),
            ended: gate.ended(),
            cancelling: gate.cancelling(),
            listens: gate.has_listeners(),
            stop_seen: gate.stop_was_seen(),
            completed: main.is_complete(),
        }
    }

    /// The budget of a stop needs the worst case of what is registered by then: found once, when it is needed.
    fn learn_worst_case(&mut self, at: Moment, input: &Input) {
        let may_begin_a_stop = matches!(
            input,
            Input::Signal { .. } | Input::Request(_) | Input::MainEnded(_) | Input::RunDropped
        );
        if !may_begin_a_stop || self.machine.stop().is_some() {
            return;
        }
        let version = self.lifecycle.registry.version();
        if version != self.worst_case_of {
            self.worst_case_of = version;
            let plan = self.plan_now();
            let workload = Workload::from(&plan);
            self.publish_planned(&plan);
            self.plan = Some((version, plan));
            self.step(at, Input::Workload(workload));
        }
    }

    /// No hook joins the plan after this by itself: it has to ask.
    pub(super) fn final_plan(&mut self) -> Plan {
        self.lifecycle.registry.seal();
        self.plan_now()
    }

    fn plan_now(&mut self) -> Plan {
        // The version first: what changes after it makes the plan anew next time.
        let version = self.lifecycle.registry.version();
        match self.plan.take() {
            Some((of, plan)) if of == version => plan,
            _ => self.lifecycle.plan(),
        }
    }

    /// The files that the report is written to.
    pub(super) fn report_files(&self) -> Option<ReportFiles> {
        self.lifecycle.host.report_files(self.machine.settings())
    }

    pub(super) fn time_left(&self) -> Option<Duration> {
        self.lifecycle.time_left()
    }

    pub(super) fn state(&self) -> State {
        self.lifecycle.state()
    }
}
