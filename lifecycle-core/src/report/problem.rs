//! What is not as it should be: a value, and a line of text only where it is shown.

use std::time::Duration;

use thiserror::Error;

use super::{DrainReport, HookReport, Inner};
use crate::{FitError, Outcome, PlanError, Reason, SiteReport, SourceLocation, config::Diagnostic};

/// One thing that is wrong with a stop, or that kept it from beginning. `Display` is what
/// [`Report::problems`](crate::Report::problems) shows.
#[derive(Clone, Debug, Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    Configuration(#[from] Diagnostic),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Fit(#[from] FitError),
    #[error(
        "lifecycle::run was called outside of a tokio runtime: use #[lifecycle::main], or block_on"
    )]
    NoRuntime,
    #[error("lifecycle::run was called twice: a process has one lifecycle, and one main")]
    RunTwice,
    #[error("what LIFECYCLE_PLAN asks for could not be written to stdout: {0}")]
    NotPrinted(String),
    #[error("signals cannot be heard: {0}")]
    NoSignals(String),
    #[error(
        "no runtime could be built: {0}; see RLIMIT_NOFILE (ulimit -n), RLIMIT_NPROC (ulimit -u) and the cgroup's \
         pids.max"
    )]
    NoRuntimeToBeHad(String),
    #[error("main failed: {0}")]
    MainFailed(String),
    #[error("main panicked: {0}")]
    MainPanicked(String),
    #[error("the job was stopped before it returned: {0}")]
    JobStopped(Reason),
    #[error(
        "the job returned after it had seen the stop, so its work is taken for unfinished ({0}); \
         lifecycle::completed() says that it is done"
    )]
    JobInterrupted(Reason),
    #[error(
        "main listened (asked at {}) and did not return by the end of the drain: it was cut; let it return \
         once it is told, or give the drain more time", places(.asked_at)
    )]
    MainCut { asked_at: Vec<SourceLocation> },
    #[error(
        "main blocks its thread and did not let go by the end of the drain: it was abandoned, and hooks ran \
         beside it; what blocks belongs into tokio::task::spawn_blocking"
    )]
    MainHeld,
    #[error(
        "nobody asked for draining() and nothing is tracked: this stop cut whatever main was doing; await \
         lifecycle::draining() where main waits, or put #[tracked] on the work"
    )]
    CutUnknown,
    #[error("{panicked} call(s) of `{name}` ({location}) panicked after the stop was asked for")]
    CallsPanicked { name: &'static str, location: SourceLocation, panicked: usize },
    #[error("the application asked for a stop as a failure: {0}")]
    AskedAsFailure(String),
    #[error("{}", abandoned(.site, *.drain_skipped))]
    Abandoned { site: Box<SiteReport>, drain_skipped: bool },
    #[error("hook `{name}` ({location}) {outcome}{}{}", after(.outcome, *.took), advice(.outcome))]
    Hook { name: String, location: SourceLocation, outcome: Outcome, took: Duration },
    #[error(
        "the run future was dropped: a stop without hooks; not run: {}; await it to its end, in no `select!` and \
         under no timeout", not_run.join(", ")
    )]
    RunDropped { not_run: Vec<String> },
    /// A component, and what is wrong with it.
    #[error("{0}")]
    Component(String),
    /// What holds the process, in words.
    #[error("{0}")]
    Holds(String),
    /// As a report says that was read from JSON.
    #[error("{0}")]
    Read(String),
}

impl Problem {
    pub(crate) fn hook(hook: &HookReport) -> Self {
        Self::Hook {
            name: hook.name.clone(),
            location: hook.location,
            outcome: hook.outcome.clone(),
            took: hook.took,
        }
    }

    /// Of each site that left calls, or had some that panicked.
    pub(crate) fn calls(drain: &DrainReport) -> impl Iterator<Item = Self> {
        let abandoned = drain.sites.iter().filter(|site| site.abandoned() > 0);
        let abandoned = abandoned.map(|site| Self::Abandoned {
            site: Box::new(site.clone()),
            drain_skipped: drain.drain_skipped,
        });
        let panicked = drain.sites.iter().filter(|site| site.panicked() > 0);
        abandoned.chain(panicked.map(|site| Self::CallsPanicked {
            name: site.name(),
            location: site.location(),
            panicked: site.panicked(),
        }))
    }
}

impl Inner {
    /// What is shown of the problems.
    pub(super) fn problem_lines(&self) -> Vec<String> {
        self.problems.iter().map(ToString::to_string).collect()
    }
}

/// How long a hook ran that `outcome` became of, where it ran.
pub(crate) fn after(outcome: &Outcome, took: Duration) -> String {
    match outcome {
        Outcome::Skipped(_)
        | Outcome::NotStarted
        | Outcome::Unregistered
        | Outcome::NotProvided(_) => String::new(),
        _ => format!(", after {took:.1?}"),
    }
}

/// What to do about a hook, where its own text does not say.
const fn advice(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::TimedOut | Outcome::Late => {
            "; give it more time by `timeout = \"..\"` or LIFECYCLE_HOOK_TIMEOUT, or find what it waits for"
        }
        Outcome::Stuck => "; what blocks is stopped by nobody: let it await, or end by itself",
        _ => "",
    }
}

fn places(places: &[SourceLocation]) -> String {
    places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn abandoned(site: &SiteReport, drain_skipped: bool) -> String {
    let when = if drain_skipped { "a signal ended the drain" } else { "the drain's time was up" };
    format!(
        "{} call(s) of `{}` ({}) were abandoned when {when}, the oldest {:.1?} old{}; {} \
         finished later, {} lost{}",
        site.abandoned(),
        site.name(),
        site.location(),
        site.oldest_abandoned().unwrap_or_default(),
        site.oldest_abandoned_whereabouts(),
        site.finished_late(),
        site.lost(),
        if drain_skipped {
            ""
        } else {
            "; give the drain more time, or say `drain = cancel` there"
        },
    )
}
