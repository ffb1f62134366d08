//! What always has to hold of a stop.

use std::{collections::HashMap, time::Duration};

use crate::{
    Config, HookReport, Outcome, Plan, Reason, Report, Signal,
    budget::{Budget, JOIN_ROOM, Shares, Workload, margin},
    config::{Environment, Settings},
    declare::HookId,
    declare::hook::Access,
    machine::ABORT_GRACE,
    plan::PlannedHook,
    report::Problem,
    values::SignalAction,
};

/// The grain of the runtime's timers is a millisecond; two of them may meet.
const GRAIN: Duration = Duration::from_millis(2);
/// What the drain may leave of its time for the report.
const END_ROOM: Duration = Duration::from_millis(250);

/// What always has to hold, said of orders and edges as they were written, of who borrows and who takes. That
/// no hook waits longer than it has to, and how much time each has, is said of the plan's own graph.
pub(super) struct Invariants {
    /// The first has to end before the second starts, for this reason.
    pairs: Vec<(HookId, HookId, String)>,
    /// Each hook, and those it waits for.
    waits: Vec<(HookId, Vec<HookId>)>,
    plan: Plan,
    grace: Option<Duration>,
    deadline: Option<Duration>,
    drain_timeout: Option<Duration>,
    job: bool,
}

impl Invariants {
    pub(super) fn new(config: &Config, plan: &Plan) -> Self {
        let (settings, _) = Settings::resolve(config, &Environment::default());
        let plan = settings.with_hook_timeout(plan.clone());
        let grace = settings.grace.value;
        Self {
            pairs: pairs(&plan),
            waits: waits(&plan),
            plan: plan.clone(),
            grace,
            deadline: grace.map(|grace| grace - margin(grace)),
            drain_timeout: settings.drain_timeout.value,
            job: config.job,
        }
    }

    /// # Errors
    ///
    /// What does not hold, in words.
    pub(super) fn check(&self, report: &Report) -> Result<(), String> {
        self.check_order(report)?;
        self.check_drain(report)?;
        self.check_calls(report)?;
        self.check_hooks(report)?;
        self.check_promptness(report)?;
        self.check_shares(report)?;
        self.check_deadline(report)?;
        self.check_code(report)
    }

    fn check_order(&self, report: &Report) -> Result<(), String> {
        for (first, then, why) in &self.pairs {
            let (Some(first), Some(then)) = (find(report, *first), find(report, *then)) else {
                continue;
            };
            let Some(started) = then.started() else { continue };
            if free_at(first).is_none_or(|free| started < free) {
                return Err(format!(
                    "{} started {started:.3?} after the request, before {} had ended: {why}",
                    named(then),
                    named(first),
                ));
            }
        }
        Ok(())
    }

    fn check_drain(&self, report: &Report) -> Result<(), String> {
        let drain = report.drain();
        if drain.abandoned() == 0 || drain.drain_skipped {
            return Ok(());
        }
        let promised = self.promised_drain(drain.delay()).unwrap_or(Duration::MAX);
        if drain.took() + END_ROOM + GRAIN < promised {
            let (left, took) = (drain.abandoned(), drain.took());
            return Err(format!(
                "{left} calls were abandoned after {took:.3?}: {promised:.3?} were promised"
            ));
        }
        Ok(())
    }

    /// What the drain has at least, after such a delay.
    fn promised_drain(&self, delay: Duration) -> Option<Duration> {
        let workload = Workload::from(&self.plan);
        Budget::new(self.grace, delay, self.drain_timeout, &workload).drain
    }

    fn check_hooks(&self, report: &Report) -> Result<(), String> {
        let ended_early = report.exit_code() == 124 || report.exit_code() > 128;
        if report.hooks().is_empty() && ended_early {
            return Ok(());
        }
        if report.hooks().len() != self.waits.len() {
            return Err(format!(
                "{} hooks have an outcome, of {}",
                report.hooks().len(),
                self.waits.len()
            ));
        }
        for hook in report.hooks() {
            let (took, allotted) = (hook.took(), hook.allotted());
            let wrong = match hook.outcome() {
                Outcome::NotStarted => !ended_early,
                Outcome::TimedOut | Outcome::Late => took < allotted,
                Outcome::Completed => took > allotted + GRAIN,
                _ => false,
            };
            if wrong {
                let outcome = hook.outcome();
                return Err(format!(
                    "{} {outcome} after {took:.3?} of {allotted:.3?}",
                    named(hook)
                ));
            }
        }
        Ok(())
    }

    fn check_promptness(&self, report: &Report) -> Result<(), String> {
        let teardown = report.drain().delay() + report.drain().took();
        for (hook, waits) in &self.waits {
            let Some(hook) = find(report, *hook) else { continue };
            let before = waits.iter().map(|before| find(report, *before).and_then(free_at));
            let Some(free) = before.chain([Some(teardown)]).collect::<Option<Vec<_>>>() else {
                continue;
            };
            let free = free.into_iter().max().unwrap_or_default();
            if hook.started().unwrap_or_else(|| report.total()) > free + GRAIN {
                return Err(format!(
                    "{} could have started {free:.3?} after the request, and did not",
                    named(hook)
                ));
            }
        }
        Ok(())
    }

    /// Where less is left than a hook and those behind it may take, it has the same share of that as they;
    /// a little less where cancelling and reporting need it.
    fn check_shares(&self, report: &Report) -> Result<(), String> {
        let Some(deadline) = self.deadline else { return Ok(()) };
        let began = report.hooks().iter().filter_map(HookReport::started).min();
        let left = deadline.saturating_sub(began.unwrap_or_default());
        let shares = Shares::new(&self.plan, Some(left));
        for (node, planned) in self.plan.hooks().iter().enumerate() {
            let Some(hook) = find(report, planned.id()) else { continue };
            let Some(left) = hook.started().map(|started| deadline.saturating_sub(started)) else {
                continue;
            };
            let share = |left: Duration| shares.timeout(node, planned, Some(left));
            let (least, most) = (share(left - JOIN_ROOM.min(left / 5)), share(left));
            let given = hook.allotted();
            if given.saturating_add(GRAIN) < least || given > most.saturating_add(GRAIN) {
                let share = format!("its share is {least:.3?} to {most:.3?}");
                return Err(format!("{} was given {given:.3?}: {share}", named(hook)));
            }
        }
        Ok(())
    }

    fn check_deadline(&self, report: &Report) -> Result<(), String> {
        let Some(deadline) = self.deadline else { return Ok(()) };
        let total = report.total();
        if total > deadline + GRAIN {
            return Err(format!("it took {total:.3?}, the deadline is {deadline:.3?}"));
        }
        let holds = |hook: &HookReport| *hook.outcome() == Outcome::Stuck;
        let is_coarse = deadline < 5 * GRAIN;
        if report.exit_code() == 124 && !is_coarse && !report.hooks().iter().any(holds) {
            return Err(format!(
                "the deadline passed after {total:.3?}, and nothing held the process"
            ));
        }
        Ok(())
    }

    /// The code that follows from what happened, or 124 where the deadline had come.
    /// Each call has one ending, and a clean report means that nothing was cut.
    fn check_calls(&self, report: &Report) -> Result<(), String> {
        let ended_early = report.exit_code() == 124 || report.exit_code() > 128;
        for site in report.drain().sites() {
            let endings = [
                site.finished(),
                site.panicked(),
                site.dropped(),
                site.cancelled(),
                site.abandoned(),
            ];
            let sum: usize = endings.iter().sum();
            if sum != site.admitted() && !ended_early {
                return Err(format!(
                    "{sum} endings {endings:?} of {} calls of {}",
                    site.admitted(),
                    site.name()
                ));
            }
        }
        let cut = report.drain().sites().iter().any(|site| !site.is_clean());
        if report.is_clean() && (cut || report.drain().timed_out()) {
            return Err("the report is clean, and something was cut".to_owned());
        }
        Ok(())
    }

    fn check_code(&self, report: &Report) -> Result<(), String> {
        let (code, expected) = (report.exit_code(), self.expected_code(report));
        let deadline_came =
            self.deadline.is_some_and(|deadline| report.total() + GRAIN >= deadline);
        if code == expected || code == 124 && deadline_came {
            return Ok(());
        }
        Err(format!("exit code {code} is not the right one, which is {expected}"))
    }

    fn expected_code(&self, report: &Report) -> u8 {
        let killed_by = |signal: Signal| u8::try_from(128 + signal.number()).unwrap_or(u8::MAX);
        let found = |is: fn(&Problem) -> bool| report.inner.problems.iter().any(is);
        let job_was_stopped =
            found(|problem| matches!(problem, Problem::JobStopped(_) | Problem::JobInterrupted(_)));
        let main_failed =
            found(|problem| matches!(problem, Problem::MainFailed(_) | Problem::MainPanicked(_)));
        let last = report.signals().iter().find(|heard| heard.action == Some(SignalAction::Exits));
        if let Some(last) = last {
            return killed_by(last.signal());
        }
        match report.reason() {
            Reason::Signal { signal, .. } if self.job && job_was_stopped => {
                return killed_by(*signal);
            }
            Reason::Requested(_) if self.job && job_was_stopped => return 75,
            _ => {}
        }
        let main_is_unclean =
            found(|problem| matches!(problem, Problem::MainCut { .. } | Problem::MainHeld));
        let calls_are_unclean = report.drain().sites().iter().any(|site| !site.is_clean());
        let is_unclean = |hook: &HookReport| {
            !matches!(
                hook.outcome(),
                Outcome::Completed
                    | Outcome::Unregistered
                    | Outcome::Skipped(_)
                    | Outcome::NotProvided(_)
            )
        };
        if report.reason().is_failure() || main_failed {
            1
        } else if report.hooks().iter().any(is_unclean) || calls_are_unclean || main_is_unclean {
            70
        } else {
            0
        }
    }
}

fn pairs(plan: &Plan) -> Vec<(HookId, HookId, String)> {
    let hooks = plan.hooks();
    let written: HashMap<HookId, i32> = plan.written_orders().into_iter().collect();
    let order =
        |hook: &PlannedHook| written.get(&hook.id()).copied().unwrap_or_else(|| hook.order());
    let mut pairs = Vec::new();
    for a in hooks {
        for b in hooks.iter().filter(|b| b.id() != a.id()) {
            let (smaller, greater) = (order(a), order(b));
            if smaller < greater {
                pairs.push((a.id(), b.id(), format!("order {smaller} is before {greater}")));
            }
            if let Some(resource) = taken_after_borrow(a, b) {
                pairs.push((
                    a.id(),
                    b.id(),
                    format!("it takes `{resource}`, which the other borrows"),
                ));
            }
        }
    }
    if plan.is_sequential() {
        let neighbours = hooks.windows(2).map(|pair| (pair[0].id(), pair[1].id()));
        pairs.extend(neighbours.map(|(a, b)| (a, b, "one runs after the other".to_owned())));
    }
    let written = plan.written_pairs().into_iter();
    pairs.extend(written.map(|(first, then)| (first, then, "an edge says so".to_owned())));
    pairs
}

fn waits(plan: &Plan) -> Vec<(HookId, Vec<HookId>)> {
    let hooks = plan.hooks();
    let graph = plan.graph();
    let waits = hooks.iter().zip(graph.waits()).map(|(hook, nearest)| {
        let nearest = nearest.into_iter().map(|place| hooks[place as usize].id());
        let smaller =
            hooks.iter().filter(|other| other.order() < hook.order()).map(PlannedHook::id);
        (hook.id(), nearest.chain(smaller).collect())
    });
    waits.collect()
}

/// From when on the successors of a hook may run; `None`: it did not run, or not to its end.
fn free_at(hook: &HookReport) -> Option<Duration> {
    let started = hook.started()?;
    let ended = started + hook.took();
    let given_up = started.saturating_add(hook.allotted()).saturating_add(ABORT_GRACE);
    Some(match hook.outcome() {
        Outcome::Stuck | Outcome::Late => ended.min(given_up),
        _ => ended,
    })
}

/// What `b` takes that `a` borrows.
fn taken_after_borrow(a: &PlannedHook, b: &PlannedHook) -> Option<&'static str> {
    let borrows = a.needs().iter().filter(|need| need.access == Access::Borrow);
    borrows
        .flat_map(|borrow| b.needs().iter().map(move |need| (borrow, need)))
        .find(|(borrow, need)| {
            need.access == Access::Take && (need.id == borrow.id || need.id == borrow.arc_id)
        })
        .map(|(borrow, _)| (borrow.type_name)())
}

fn find(report: &Report, id: HookId) -> Option<&HookReport> {
    report.hooks().iter().find(|hook| hook.id == Some(id))
}

fn named(hook: &HookReport) -> String {
    format!("`{}` ({})", hook.name(), hook.location())
}
