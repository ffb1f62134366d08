//! The report, from what the machine, the gate and the watchdog know at the end.

use std::{collections::HashMap, time::Duration};

use super::Lifecycle;
use crate::{
    DrainReport, HookReport, Reason, Report, SignalReport,
    machine::{Cut, Drain, Dropping, Machine, MainEnd, Moment},
    report::{Inner, Problem},
    values::HookId,
};

impl Lifecycle {
    /// `held`: what is to be said of a runtime that runs no tasks; asked where there is a problem without
    /// `culprits`.
    pub(super) fn build_report(
        &self,
        machine: &Machine,
        shutdown_id: String,
        culprits: Vec<String>,
        held: impl FnOnce(Moment) -> Option<String>,
    ) -> Report {
        let now = machine.finished_at().unwrap_or_else(|| self.now());
        let sites = self.gate.report();
        let requested = machine.stop().map_or(now, |stop| stop.at);
        let since = |moment: Moment| moment.since(requested);
        let hooks = hook_reports(machine, requested, now);
        let drain = machine.drain();
        let main_did_not_return = drain.is_some_and(|drain| drain.main_was_told)
            && matches!(machine.main_end(), None | Some(MainEnd::Dropped));
        let cut = drain.and_then(|drain| drain.main_was_cut).filter(|_| main_was_cut(machine));
        let cut = cut.and_then(|cut| self.problem_of_main(machine, cut));
        let drain = DrainReport {
            delay: drain.map_or(Duration::ZERO, |drain| since(drain.began)),
            took: drain
                .map_or(Duration::ZERO, |drain| drain.ended.unwrap_or(now).since(drain.began)),
            allotted: drain.and_then(Drain::allotted),
            timed_out: drain.is_some_and(|drain| drain.timed_out),
            drain_skipped: machine.is_drain_skipped(),
            main_did_not_return,
            sites,
            in_flight: drain.map_or_else(Vec::new, |drain| {
                self.gate
                    .samples()
                    .into_iter()
                    .map(|(at, count)| (since(drain.began) + at, count))
                    .collect()
            }),
        };
        let signals = machine.received().iter().map(|heard| SignalReport {
            signal: heard.signal,
            at: since(heard.at),
            action: Some(heard.action),
            did: heard.action.did().to_owned(),
        });
        let signals = signals.collect();
        let mut problems = problems(machine, cut, &hooks, &drain);
        if matches!(machine.stop(), Some(stop) if stop.reason == Reason::RunDropped) {
            let plan = self.plan();
            let not_run = plan.hooks().iter().map(|hook| hook.name().to_owned()).collect();
            problems.push(Problem::RunDropped { not_run });
        }
        // A hook that could not run is no culprit: who took its threads is.
        if culprits.is_empty() && !problems.is_empty() {
            problems.extend(held(now).map(Problem::Holds));
        }
        problems.extend(self.components.problems());
        problems.extend(culprits.into_iter().map(Problem::Holds));
        Report::new(Inner {
            reason: machine.stop().map_or(Reason::RunDropped, |stop| stop.reason.clone()),
            shutdown_id,
            exit_code: machine.exit_code(),
            total: since(now),
            deadline: machine.stop().and_then(|stop| stop.budget.deadline),
            signals,
            drain,
            hooks,
            problems,
            notes: self.notes.all(),
        })
    }
}

impl Lifecycle {
    /// What is wrong with how main was cut, if anything is.
    fn problem_of_main(&self, machine: &Machine, cut: Cut) -> Option<Problem> {
        let gave_up = machine.drain().is_some_and(|drain| drain.dropping == Dropping::GivenUp);
        match cut {
            _ if gave_up => Some(Problem::MainHeld),
            Cut::TimeIsUp => {
                let mut asked_at = self.gate.listeners_of_main();
                if asked_at.is_empty() {
                    asked_at = self.gate.listeners();
                }
                Some(Problem::MainCut { asked_at })
            }
            Cut::Unknown => Some(Problem::CutUnknown),
            Cut::Untold | Cut::Declared => None,
        }
    }
}

/// Whether main did not come to its end by itself.
fn main_was_cut(machine: &Machine) -> bool {
    matches!(machine.main_end(), None | Some(MainEnd::Dropped))
}

fn hook_reports(machine: &Machine, requested: Moment, now: Moment) -> Vec<HookReport> {
    let Some(teardown) = machine.teardown() else { return Vec::new() };
    let (planned, progress) = (teardown.plan().hooks(), teardown.progress());
    let mut by_start: Vec<usize> = (0..planned.len()).collect();
    // Stable: hooks that started at one moment stay in the order of the plan.
    by_start.sort_by_key(|&at| progress[at].started.unwrap_or(Moment::new(Duration::MAX)));
    let mut place = vec![0; planned.len()];
    by_start.iter().enumerate().for_each(|(to, &from)| place[from] = to);
    let by_id: HashMap<HookId, usize> =
        planned.iter().zip(&place).map(|(hook, &place)| (hook.id(), place)).collect();
    let waits = teardown.plan().graph().waits();
    by_start
        .into_iter()
        .map(|at| {
            let (hook, progress) = (&planned[at], &progress[at]);
            HookReport {
                id: Some(hook.id()),
                name: hook.name().to_owned(),
                location: hook.location(),
                outcome: progress.outcome(),
                started: progress.started.map(|started| started.since(requested)),
                took: progress.took(now),
                timeout: hook.timeout(),
                allotted: progress.allotted,
                order: hook.order(),
                waits_for: waits[at].iter().map(|&before| place[before as usize]).collect(),
                released_by: progress.released_by.and_then(|id| by_id.get(&id).copied()),
            }
        })
        .collect()
}

/// Each thing that is not as it should be.
fn problems(
    machine: &Machine,
    main: Option<Problem>,
    hooks: &[HookReport],
    drain: &DrainReport,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    match machine.main_end() {
        Some(MainEnd::Failed { error, interrupted: false, .. }) => {
            problems.push(Problem::MainFailed(error.clone()));
        }
        Some(MainEnd::Panicked(text)) => problems.push(Problem::MainPanicked(text.clone())),
        Some(MainEnd::ComponentFailed(why)) => problems.push(Problem::Component(why.clone())),
        _ => {}
    }
    problems.extend(main);
    if machine.is_job_interrupted() {
        let reason = machine.stop().map(|stop| &stop.reason);
        if let Some(reason @ (Reason::Signal { .. } | Reason::Requested(_))) = reason {
            let returned = matches!(machine.main_end(), Some(MainEnd::Returned));
            let stopped = if returned { Problem::JobInterrupted } else { Problem::JobStopped };
            problems.push(stopped(reason.clone()));
        }
    }
    if let Some(Reason::Failure(why)) = machine.stop().map(|stop| &stop.reason)
        && !matches!(machine.main_end(), Some(MainEnd::ComponentFailed(failed)) if failed == why)
    {
        problems.push(Problem::AskedAsFailure(why.clone()));
    }
    problems.extend(Problem::calls(drain));
    let unclean = hooks.iter().filter(|hook| machine.is_unclean(&hook.outcome));
    problems.extend(unclean.map(Problem::hook));
    problems
}
