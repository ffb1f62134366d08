//! What happened, per site and per hook.

pub(crate) mod files;
mod json;
mod note;
pub(crate) mod problem;
mod summary;
#[cfg(test)]
mod tests;
mod timeline;
mod writer;

use std::{
    process::{ExitCode, Termination},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub use self::{note::Note, writer::ReportWriter};
pub(crate) use self::{
    problem::{Problem, after},
    timeline::short,
};
use crate::{
    Hook, Outcome, Reason, Signal, SiteReport, SourceLocation,
    declare::HookId,
    os,
    text::json::{moment, optional_moment},
    values::SignalAction,
};

/// What a stop did: final when [`run`](crate::run) returns it. Cheap to clone.
///
/// `Display` is a timeline for a terminal of 80 columns; `{:#}` is the same in colour. As the
/// return value of `main` it ends the process with [`exit_code`](Self::exit_code).
#[derive(Clone, Debug)]
#[must_use = "the exit code is in the report: return it from main"]
pub struct Report {
    pub(crate) inner: Arc<Inner>,
    /// The problems as they are shown.
    lines: Arc<[String]>,
}

#[derive(Clone, Debug)]
pub(crate) struct Inner {
    pub(crate) reason: Reason,
    pub(crate) shutdown_id: String,
    pub(crate) exit_code: u8,
    pub(crate) total: Duration,
    /// From the request to the end of the process, where there is a limit.
    pub(crate) deadline: Option<Duration>,
    pub(crate) signals: Vec<SignalReport>,
    pub(crate) drain: DrainReport,
    pub(crate) hooks: Vec<HookReport>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) notes: Vec<Note>,
}

/// What became of one hook.
#[derive(Clone, Debug)]
pub struct HookReport {
    /// `None` where the report was read from JSON: who a hook is, only its own program knows.
    pub(crate) id: Option<HookId>,
    pub(crate) name: String,
    pub(crate) location: SourceLocation,
    pub(crate) outcome: Outcome,
    pub(crate) started: Option<Duration>,
    pub(crate) took: Duration,
    pub(crate) timeout: Duration,
    pub(crate) allotted: Duration,
    pub(crate) order: i32,
    /// The hooks of its order that it waited for, without those that others of them waited for.
    pub(crate) waits_for: Vec<usize>,
    /// The hook whose end let this one start.
    pub(crate) released_by: Option<usize>,
}

/// A signal that was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalReport {
    #[serde(with = "json::signal")]
    pub(crate) signal: Signal,
    #[serde(rename = "at_seconds", with = "moment")]
    pub(crate) at: Duration,
    /// `None` where the report was read from JSON: another version may have others.
    #[serde(skip)]
    pub(crate) action: Option<SignalAction>,
    pub(crate) did: String,
}

/// What became of the work that was in flight.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DrainReport {
    #[serde(rename = "delay_seconds", with = "moment")]
    pub(crate) delay: Duration,
    #[serde(rename = "took_seconds", with = "moment")]
    pub(crate) took: Duration,
    #[serde(rename = "allotted_seconds", default, with = "optional_moment")]
    pub(crate) allotted: Option<Duration>,
    pub(crate) timed_out: bool,
    #[serde(rename = "hurried")]
    pub(crate) drain_skipped: bool,
    pub(crate) main_did_not_return: bool,
    pub(crate) sites: Vec<SiteReport>,
    #[serde(with = "json::points")]
    pub(crate) in_flight: Vec<(Duration, usize)>,
}

impl Report {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { lines: inner.problem_lines().into(), inner: Arc::new(inner) }
    }

    /// What its problems are the lines of.
    pub(crate) fn typed_problems(&self) -> &[Problem] {
        &self.inner.problems
    }

    /// With one more.
    #[cfg(feature = "testing")]
    pub(crate) fn with_problem(self, problem: Problem) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.inner);
        inner.problems.push(problem);
        Self::new(inner)
    }

    /// A stop that was over before it began, with every problem.
    pub(crate) fn invalid(problems: Vec<Problem>) -> Self {
        Self::new(Inner {
            reason: Reason::Invalid(problems.first().map(ToString::to_string).unwrap_or_default()),
            shutdown_id: String::new(),
            exit_code: 78,
            total: Duration::ZERO,
            deadline: None,
            signals: Vec::new(),
            drain: DrainReport::default(),
            hooks: Vec::new(),
            problems,
            notes: Vec::new(),
        })
    }

    /// Nothing was run, as nothing was to be run: the plan was asked for.
    pub(crate) fn answered() -> Self {
        let mut report = Self::invalid(Vec::new());
        let inner = Arc::make_mut(&mut report.inner);
        inner.reason = Reason::Requested("LIFECYCLE_PLAN".to_owned());
        inner.exit_code = 0;
        report
    }

    /// The plan was asked for, and could not be printed.
    pub(crate) fn unanswered(problem: Problem) -> Self {
        let reason = Reason::Failure(problem.to_string());
        let mut report = Self::invalid(vec![problem]);
        let inner = Arc::make_mut(&mut report.inner);
        inner.reason = reason;
        inner.exit_code = 1;
        report
    }

    /// The same, with another exit code where there is one.
    pub(crate) fn ending_with(mut self, code: Option<u8>) -> Self {
        if let Some(code) = code {
            Arc::make_mut(&mut self.inner).exit_code = code;
        }
        self
    }

    /// Why the lifecycle stopped.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.inner.reason
    }

    /// The id of this shutdown, as in the log.
    #[must_use]
    pub fn shutdown_id(&self) -> &str {
        &self.inner.shutdown_id
    }

    /// Whether every hook completed in time, nothing was abandoned and nothing failed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.inner.problems.is_empty() && self.inner.exit_code == 0
    }

    /// The code the process ends with: 0 clean, 1 main failed, 70 a hook failed or work was
    /// abandoned, 75 and 128 + n a job was stopped, 78 the plan or the configuration is invalid,
    /// 124 the deadline passed.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.inner.exit_code
    }

    /// What is not as it should be, a line each; empty when clean.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.lines
    }

    /// What extensions had to say, in the order in which they said it: how each child process ended.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.inner.notes
    }

    /// What became of `H`; `None` when the plan did not have it. Of a report that was read from
    /// JSON, `H` is the hook of its name that stands where `H` stands.
    #[must_use]
    pub fn outcome<H: Hook>(&self) -> Option<&Outcome> {
        self.inner.hooks.iter().find(|hook| hook.is::<H>()).map(|hook| &hook.outcome)
    }

    /// The hook of this name, as the plan shows it: also of one that was registered at run time.
    #[must_use]
    pub fn hook(&self, name: &str) -> Option<&HookReport> {
        self.inner.hooks.iter().find(|hook| hook.name == name)
    }

    /// What the stop did to the calls of the site of this name; `None` when it had to do with none.
    #[must_use]
    pub fn site(&self, name: &str) -> Option<&SiteReport> {
        self.inner.drain.sites.iter().find(|site| site.name() == name)
    }

    /// The hooks of the plan: those that started in the order in which they did, then the others.
    #[must_use]
    pub fn hooks(&self) -> &[HookReport] {
        &self.inner.hooks
    }

    /// The signals that were heard from the request on, the first 64.
    #[must_use]
    pub fn signals(&self) -> &[SignalReport] {
        &self.inner.signals
    }

    /// When the process would have been ended, from the request; `None` without a limit.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.inner.deadline
    }

    /// What became of the work that was in flight.
    #[must_use]
    pub fn drain(&self) -> &DrainReport {
        &self.inner.drain
    }

    /// From the request to the end of the teardown.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.inner.total
    }

    /// The hooks by the time they took, longest first. After systemd's `systemd-analyze blame`.
    #[must_use]
    pub fn blame(&self) -> Vec<&HookReport> {
        let mut hooks: Vec<_> = self.inner.hooks.iter().collect();
        hooks.sort_by_key(|hook| std::cmp::Reverse(hook.took));
        hooks
    }

    /// The hooks that decided how long the teardown took, in the order in which they ran: each
    /// started when the one before it ended. After systemd's `systemd-analyze critical-chain`.
    #[must_use]
    pub fn critical_chain(&self) -> Vec<&HookReport> {
        let hooks = &self.inner.hooks;
        // A stuck hook holds up its successors until it is given up, however long it runs on.
        let held_up = |hook: &HookReport| match hook.outcome {
            Outcome::Stuck | Outcome::Late => hook.took.min(hook.allotted),
            _ => hook.took,
        };
        let ended =
            |hook: &HookReport| hook.started.map(|started| started.saturating_add(held_up(hook)));
        let mut next = (0..hooks.len())
            .filter(|at| hooks[*at].started.is_some())
            .max_by_key(|at| ended(&hooks[*at]));
        let mut chain = Vec::new();
        while let Some(at) = next {
            chain.push(&hooks[at]);
            next = hooks[at].released_by;
        }
        chain.reverse();
        chain
    }
}

impl HookReport {
    fn is<H: Hook>(&self) -> bool {
        let declared = H::declared();
        match self.id {
            Some(id) => id == HookId::of::<H>(),
            None => {
                let rest = self.name.strip_prefix(declared.name);
                self.location == declared.location && rest.is_some_and(is_suffix)
            }
        }
    }

    /// The hook's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is declared.
    #[must_use]
    pub const fn location(&self) -> SourceLocation {
        self.location
    }

    /// What became of it.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// When it started, from the request; `None` when it did not.
    #[must_use]
    pub const fn started(&self) -> Option<Duration> {
        self.started
    }

    /// How long it ran.
    #[must_use]
    pub const fn took(&self) -> Duration {
        self.took
    }

    /// How long it might have run by the plan.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long it was given: its timeout, or its share of what was left where time was short.
    #[must_use]
    pub const fn allotted(&self) -> Duration {
        self.allotted
    }

    /// How much of its timeout it left unused; `None` when it did not start.
    #[must_use]
    pub fn slack(&self) -> Option<Duration> {
        self.started.map(|_| self.timeout.saturating_sub(self.took))
    }

    /// Its order in the plan.
    #[must_use]
    pub const fn order(&self) -> i32 {
        self.order
    }

    /// The hooks of its own order that it waited for, by their place among
    /// [`Report::hooks`]; without those that others of them waited for.
    #[must_use]
    pub fn waits_for(&self) -> &[usize] {
        &self.waits_for
    }
}

impl SignalReport {
    /// Which.
    #[must_use]
    pub const fn signal(&self) -> Signal {
        self.signal
    }

    /// When, from the request.
    #[must_use]
    pub const fn at(&self) -> Duration {
        self.at
    }

    /// What it did, in words.
    #[must_use]
    pub fn did(&self) -> &str {
        &self.did
    }
}

/// What a name may have behind the declared one: of equal names each has its place.
fn is_suffix(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('@')
}

impl DrainReport {
    /// How long new work was still admitted after the request.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.delay
    }

    /// How long the drain took.
    #[must_use]
    pub const fn took(&self) -> Duration {
        self.took
    }

    /// How long it might have taken; `None` without a limit, and where there was none.
    #[must_use]
    pub const fn allotted(&self) -> Option<Duration> {
        self.allotted
    }

    /// Whether it ended because its time was up.
    #[must_use]
    pub const fn timed_out(&self) -> bool {
        self.timed_out
    }

    /// Whether main was told of the drain and did not return within it.
    #[must_use]
    pub const fn main_did_not_return(&self) -> bool {
        self.main_did_not_return
    }

    /// What is to be said of a main that was told and did not return, in a sentence. It is named, and not
    /// unclean.
    #[must_use]
    pub fn main_line(&self) -> Option<String> {
        // Where its time was up it is a problem, which says where it was told.
        let is_declared = self.main_did_not_return && !self.timed_out && !self.drain_skipped;
        is_declared.then(|| {
            "main listened and did not return within main_timeout: it was cut, as that allows"
                .to_owned()
        })
    }

    /// The sites that had calls, refused some, or left some.
    #[must_use]
    pub fn sites(&self) -> &[SiteReport] {
        &self.sites
    }

    /// How many calls were in flight from the drain's begin to its end: when, from the request, and
    /// how many. At most 256 points; between two of them the number is that of the first.
    #[must_use]
    pub fn in_flight(&self) -> &[(Duration, usize)] {
        &self.in_flight
    }

    /// How many calls were abandoned, over all sites.
    #[must_use]
    pub fn abandoned(&self) -> usize {
        self.sites.iter().map(SiteReport::abandoned).fold(0, usize::saturating_add)
    }
}

impl Termination for Report {
    fn report(self) -> ExitCode {
        os::yield_to_exit();
        ExitCode::from(self.inner.exit_code)
    }
}
