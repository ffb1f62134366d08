//! Whether a plan is over before the platform kills: the proof, or what is missing and where.

use std::{borrow::Cow, fmt, time::Duration};

use thiserror::Error;

use crate::{
    Plan, PlanError, PlannedHook, SourceLocation, declare::DrainNeed, plan::DEFAULT_TIMEOUT,
    text::terminal, values::duration::display,
};

use super::{
    ASSUMED_DRAIN, Constraints, LEAST_TIMEOUT, ManifestError, PlatformLimit, Workload,
    constraints::Term, counted_drain, least_drain, least_grace,
};

/// What is said of it, as nothing is proved by it.
const EXTENDED: &str = "at most, while the stop makes progress (Config::extend_up_to)";

impl Plan {
    /// Whether delay, drain, the hooks at their slowest and the library's margin fit into the grace
    /// period of `constraints`: a `Duration` (no delay), a [`Platform`](crate::Platform) with its
    /// defaults, or a configuration. Without a grace period all plans fit.
    ///
    /// What nobody wrote adapts to what there is: without a limit, the drain counts for 5 s, or a
    /// quarter of what delay and margin leave where that is less. A hook without a timeout counts
    /// for 5 s, or for an equal share of what the others on its chain leave, but never for less
    /// than 500 ms. The stop then grants at least that.
    ///
    /// Hooks that are registered at run time are not included;
    /// [`Config::reserve`](crate::Config::reserve) counts for them.
    ///
    /// # Errors
    ///
    /// When they do not fit, with the account and which numbers to change; when the plan is
    /// invalid.
    pub fn fits(&self, constraints: impl Into<Constraints>) -> Result<Fits, FitError> {
        let constraints = constraints.into();
        self.check().map_err(|error| FitError { why: Why::Invalid(error) })?;
        // Of a plan that was read, whose components no configuration has.
        let constraints = match constraints.components.value.is_zero() {
            true => constraints.with_components(self.components()),
            false => constraints,
        };
        let account = match constraints.hook_timeout {
            Some(timeout) => Account::new(self.clone().with_default_timeout(timeout), constraints),
            None => Account::new(self.clone(), constraints),
        };
        if account.holds() {
            Ok(Fits { account })
        } else {
            Err(FitError { why: Why::Short(Box::new(account)) })
        }
    }
}

/// The proof that a plan fits. `Display` and `Debug` both show the account, line by line.
#[derive(Clone)]
pub struct Fits {
    account: Account,
}

impl Fits {
    /// What is left of the grace period when everything takes as long as it may; `None` without
    /// one.
    #[must_use]
    pub fn spare(&self) -> Option<Duration> {
        Some(self.account.constraints.grace.value? - self.account.needed())
    }
}

impl fmt::Display for Fits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needed = display(self.account.needed());
        match (self.account.constraints.grace.value, self.spare()) {
            (Some(grace), Some(spare)) => {
                writeln!(
                    f,
                    "the plan fits: it needs {needed} of {}, {} to spare",
                    display(grace),
                    display(spare)
                )?;
            }
            _ => writeln!(f, "the plan fits: it needs {needed}, and there is no grace period")?,
        }
        fmt::Display::fmt(&self.account, f)?;
        self.account.notes(f)
    }
}

impl fmt::Debug for Fits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a plan does not fit. `Display` and `Debug` both show the account, line by line, what is
/// missing, and which numbers to change.
#[derive(Clone, Error)]
#[error(transparent)]
pub struct FitError {
    why: Why,
}

#[derive(Clone, Debug, Error)]
enum Why {
    #[error("whether the plan fits cannot be said: {0}")]
    Invalid(#[source] PlanError),
    #[error("{0}")]
    Manifest(#[source] ManifestError),
    #[error(fmt = Account::fmt_short)]
    Short(Box<Account>),
}

impl From<ManifestError> for FitError {
    fn from(error: ManifestError) -> Self {
        Self { why: Why::Manifest(error) }
    }
}

impl FitError {
    /// How much longer the grace period would have to be if nothing else changed and the margin
    /// stayed; `None` when the plan or the manifest is invalid, so that nothing can be said.
    #[must_use]
    pub fn missing(&self) -> Option<Duration> {
        match &self.why {
            Why::Invalid(_) => None,
            Why::Manifest(_) => None,
            Why::Short(account) => Some(account.missing()),
        }
    }
}

impl fmt::Debug for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is spent, and on what.
#[derive(Clone, Debug)]
struct Account {
    constraints: Constraints,
    drain: Term<Duration>,
    /// What needs the most of it, and how much: after the delay.
    need: Option<(DrainNeed, Duration)>,
    /// What is left of the reserve: hooks that were registered count for themselves.
    reserve: Duration,
    has_registered: bool,
    worst_case: Duration,
    /// The same, where unwritten timeouts are as short as they may be.
    least_worst_case: Duration,
    path: Vec<Step>,
    /// When it does not fit: the slowest of `path`, and whether the plan fits once that one is
    /// shorter by what is missing.
    slowest: Option<(usize, bool)>,
}

/// A hook of the critical path.
#[derive(Clone, Debug)]
struct Step {
    name: Cow<'static, str>,
    location: SourceLocation,
    time: Duration,
    timeout: Duration,
    timeout_written: bool,
    timeout_open: bool,
}

impl Account {
    fn new(plan: Plan, constraints: Constraints) -> Self {
        let workload = Workload::from(&plan);
        let reserve = left_of_reserve(&plan, constraints.reserve);
        let drain_timeout = constraints.drain_timeout.as_ref().map(|limit| limit.value);
        let after = reserve.saturating_add(constraints.components.value);
        let least = workload.least().saturating_add(after);
        let of_drain = |need: &DrainNeed| need.time().saturating_sub(constraints.delay.value);
        let need = plan.drain_need().map(|need| (need.clone(), of_drain(need)));
        let needed = need.as_ref().map(|(_, time)| *time).unwrap_or_default();
        let (each, drain) = match constraints.grace.value {
            None => (DEFAULT_TIMEOUT, counted_drain(drain_timeout, needed, Duration::MAX)),
            Some(grace) => {
                let taken = constraints.delay.value.saturating_add(constraints.margin.value);
                let left = grace.saturating_sub(taken);
                let drain = counted_drain(drain_timeout, needed, left);
                let hooks = left.checked_sub(drain).and_then(|left| left.checked_sub(after));
                match hooks.and_then(|hooks| workload.share_of(hooks)) {
                    Some(each) => (each, drain),
                    None => (LEAST_TIMEOUT, least_drain(drain_timeout, needed, least)),
                }
            }
        };
        let has_registered = plan.has_registered();
        let plan = plan.with_share(each);
        let drain = constraints.drain_timeout.clone().unwrap_or_else(|| {
            let quarter = "a quarter of what there is, no drain timeout is set";
            let all = drain == ASSUMED_DRAIN;
            match &need {
                Some((need, time)) if *time == drain => Term::new(drain, said(need)),
                _ if all => Term::new(drain, "assumed, no drain timeout is set"),
                _ => Term::new(drain, quarter),
            }
        });
        let step = |hook: &PlannedHook| Step {
            name: hook.name.clone(),
            location: hook.location,
            time: hook.timeout.saturating_add(hook.fallback_timeout),
            timeout: hook.timeout,
            timeout_written: hook.timeout_written,
            timeout_open: hook.timeout_open,
        };
        let worst_case = workload.worst_case(each);
        let least_worst_case = workload.least();
        let path = plan.critical_path();
        let steps = path.iter().copied().map(step).collect();
        let mut account = Self {
            constraints,
            drain,
            need,
            reserve,
            has_registered,
            worst_case,
            least_worst_case,
            path: steps,
            slowest: None,
        };
        if !account.short().is_zero() {
            let missing = account.short_of_hooks();
            account.slowest =
                path.iter().enumerate().max_by_key(|(_, hook)| hook.timeout).map(|(at, hook)| {
                    // Another way may be as long: only trying tells whether one hook is enough.
                    let mut shorter = plan.clone();
                    shorter.set_timeout(hook.id, hook.timeout.saturating_sub(missing));
                    let gained = worst_case.saturating_sub(shorter.worst_case());
                    (at, hook.timeout > missing && gained >= missing)
                });
        }
        account
    }

    /// What the grace period may become, where that is more than it is.
    fn extension(&self) -> Option<Duration> {
        let grace = self.constraints.grace.value?;
        self.constraints.extension.filter(|up_to| *up_to > grace)
    }

    fn needed(&self) -> Duration {
        [
            self.drain.value,
            self.worst_case,
            self.reserve,
            self.constraints.components.value,
            self.constraints.margin.value,
        ]
        .into_iter()
        .fold(self.constraints.delay.value, Duration::saturating_add)
    }

    /// Delay, drain and teardown: what the margin has to leave at least.
    fn least_work(&self) -> Duration {
        let hooks = self.least_worst_case.saturating_add(self.reserve);
        let hooks = hooks.saturating_add(self.constraints.components.value);
        let limit = self.constraints.drain_timeout.as_ref().map(|limit| limit.value);
        let drain = least_drain(limit, self.needed_of_drain(), hooks);
        self.constraints.delay.value.saturating_add(drain).saturating_add(hooks)
    }

    /// What the plan needs over what it has.
    fn short(&self) -> Duration {
        self.constraints
            .grace
            .value
            .map_or(Duration::ZERO, |grace| self.needed().saturating_sub(grace))
    }

    /// How much less the hooks would have to take: a drain that nobody limited takes less with them.
    fn short_of_hooks(&self) -> Duration {
        let Constraints { grace, delay, margin, drain_timeout, components, .. } = &self.constraints;
        let left = grace.value.unwrap_or_default().saturating_sub(margin.value);
        let left = left.saturating_sub(delay.value);
        let limit = drain_timeout.as_ref().map(|limit| limit.value);
        let drain = counted_drain(limit, self.needed_of_drain(), left);
        let after = self.reserve.saturating_add(components.value);
        self.worst_case.saturating_add(after).saturating_sub(left.saturating_sub(drain))
    }

    fn missing(&self) -> Duration {
        let overdrawn =
            self.constraints.limit.as_ref().map_or(Duration::ZERO, PlatformLimit::overdrawn);
        self.short().max(overdrawn)
    }

    fn needed_of_drain(&self) -> Duration {
        self.need.as_ref().map(|(_, time)| *time).unwrap_or_default()
    }

    /// When the drain is not let have what is declared of it.
    fn cut(&self) -> Option<String> {
        let (need, time) = self.need.as_ref().filter(|(_, time)| *time > self.drain.value)?;
        let [limit, time] = [self.drain.value, *time].map(display);
        Some(format!("the drain has {limit}, and {time} is needed, {}", said(need)))
    }

    /// When the library takes more than is granted, it is no help that the plan needs less.
    fn overdraft(&self) -> Option<String> {
        self.constraints.limit.as_ref()?.overdraft()
    }

    fn holds(&self) -> bool {
        self.short().is_zero() && self.overdraft().is_none() && self.cut().is_none()
    }

    /// Why it does not hold.
    fn verdict(&self) -> Vec<String> {
        let granted = self.constraints.grace.value.unwrap_or_default();
        let [needed, granted, missing] = [self.needed(), granted, self.short()].map(display);
        let short = (!self.short().is_zero())
            .then(|| format!("it needs {needed}, {granted} is granted, {missing} is missing"));
        short.into_iter().chain(self.overdraft()).chain(self.cut()).collect()
    }

    /// The numbers to change, each of which does alone, where one can.
    fn advice(&self) -> Vec<String> {
        let is_all = self.short().is_zero() && self.overdraft().is_none();
        if let (true, Some((need, time))) = (is_all, &self.need)
            && self.cut().is_some()
        {
            let time = display(*time);
            return vec![
                format!("a drain timeout of {time} or more (`LIFECYCLE_DRAIN_TIMEOUT`)"),
                format!("less time for `{}` ({})", terminal::plain(need.name()), need.location()),
            ];
        }
        match &self.constraints.limit {
            Some(limit) => limit.ways(self.least_work(), self.savings()),
            None => {
                let least = display(least_grace(self.least_work()));
                let source = &self.constraints.grace.source;
                let mut advice = vec![format!("a grace period of {least} or more ({source})")];
                advice.extend(self.savings());
                advice
            }
        }
    }

    /// What could take less time, each with what then would be enough.
    fn savings(&self) -> Vec<String> {
        let short = self.short();
        if short.is_zero() {
            return Vec::new();
        }
        let mut savings = Vec::new();
        if let Some((at, enough)) = self.slowest {
            let Step { name, location, timeout, timeout_written, .. } = &self.path[at];
            let default = if *timeout_written { "" } else { ", which takes the default" };
            savings.push(if enough {
                let rest = display(timeout.saturating_sub(self.short_of_hooks()));
                format!("`timeout = \"{rest}\"` at `{name}` ({location}){default}")
            } else {
                format!("shorter timeouts of several hooks, such as `{name}` ({location}){default}")
            });
        }
        let components = &self.constraints.components;
        if components.value > short {
            let rest = display(components.value - short);
            savings.push(format!("a `stop_timeout` of at most {rest} for each component"));
        }
        for (what, variable, value) in [
            ("drain timeout", "LIFECYCLE_DRAIN_TIMEOUT", self.drain.value),
            ("shutdown delay", "LIFECYCLE_SHUTDOWN_DELAY", self.constraints.delay.value),
        ] {
            if value > short {
                savings.push(format!("a {what} of {} (`{variable}`)", display(value - short)));
            }
        }
        savings
    }

    fn fmt_short(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the plan does not fit: {}", self.verdict().join("\nand "))?;
        fmt::Display::fmt(self, f)?;
        self.notes(f)?;
        write!(f, "\nto make it fit: {}", self.advice().join("\n  or: "))
    }

    fn notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let notes = self.constraints.limit.iter().flat_map(|limit| &limit.notes);
        notes.into_iter().try_for_each(|note| write!(f, "\nnote: {note}"))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Constraints { grace, delay, margin, components, limit, .. } = &self.constraints;
        if let Some(chosen) = limit.as_ref().and_then(|limit| limit.chosen.as_ref()) {
            writeln!(f, "  {:<10}{chosen}", "service")?;
        }
        let mut line = |what: &str, time: Duration, source: &str| {
            writeln!(f, "  {what:<10}{:>8}  {source}", display(time))
        };
        let hooks =
            if self.path.is_empty() { "there are none" } else { "at worst, one after the other:" };
        line("delay", delay.value, &delay.source)?;
        line("drain", self.drain.value, &self.drain.source)?;
        line("hooks", self.worst_case, hooks)?;
        let width = self
            .path
            .iter()
            .map(|step| step.name.chars().count())
            .max()
            .unwrap_or_default()
            .min(44);
        for Step { name, location, time, timeout, timeout_written, timeout_open } in &self.path {
            let is_share = *timeout_open && *timeout < DEFAULT_TIMEOUT;
            let default = match (timeout_written, is_share) {
                (true, _) => "",
                (false, true) => " (default timeout, its share)",
                (false, false) => " (default timeout)",
            };
            writeln!(f, "    {:>6}  {name:<width$}  {location}{default}", display(*time))?;
        }
        if !components.value.is_zero() {
            let [what, time] = ["components".to_owned(), display(components.value).to_string()];
            writeln!(f, "  {what:<10}{time:>8}  {}", components.source)?;
        }
        let [reserve, own, needed] = [self.reserve, margin.value, self.needed()].map(display);
        let of_run_time = match (self.reserve.is_zero(), self.has_registered) {
            (false, _) => "for hooks registered at run time",
            (true, false) => "hooks registered at run time are not included",
            (true, true) => "further hooks registered at run time are not included",
        };
        writeln!(f, "  {:<10}{reserve:>8}  {of_run_time}", "reserve")?;
        writeln!(f, "  {:<10}{own:>8}  {}", "margin", margin.source)?;
        write!(f, "  {:<10}{needed:>8}", "needed")?;
        let granted = match limit {
            Some(limit) => limit.lines(),
            None => vec![("granted", grace.value, grace.source.to_string())],
        };
        for (what, time, source) in granted {
            let time = time.map_or_else(|| "no end".to_owned(), |time| display(time).to_string());
            write!(f, "\n  {what:<10}{time:>8}  {source}")?;
        }
        if let Some(up_to) = self.extension() {
            let (what, time) = ("extended", display(up_to).to_string());
            write!(f, "\n  {what:<10}{time:>8}  {EXTENDED}")?;
        }
        Ok(())
    }
}

/// Who needs it.
fn said(need: &DrainNeed) -> String {
    format!("for `{}` ({})", terminal::plain(need.name()), need.location())
}

/// What is left of `reserve` where some hooks of `plan` were registered at run time.
fn left_of_reserve(plan: &Plan, reserve: Duration) -> Duration {
    if reserve.is_zero() || !plan.has_registered() {
        return reserve;
    }
    let declared = plan.clone().without_registered().worst_case();
    reserve.saturating_sub(plan.worst_case().saturating_sub(declared))
}
