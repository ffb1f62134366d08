//! How the grace period is divided: pure arithmetic.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, time::Duration};

use crate::Platform;

/// What the drain counts for, when a plan is measured and nobody gave it a limit.
const ASSUMED_DRAIN: Duration = Duration::from_secs(5);

const MARGIN: Duration = Duration::from_secs(2);
const SMALLEST_MARGIN: Duration = Duration::from_millis(250);

/// The grace period `grace`, divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// From the request to the platform's kill; `None`: nobody kills.
    pub(crate) grace: Option<Duration>,
    /// What the library keeps for itself at the end.
    pub(crate) margin: Duration,
    /// How long the service stays open after the request.
    pub(crate) delay: Duration,
    /// What was asked for instead of `delay`, where that would have starved the drain and the teardown.
    pub(crate) delay_cut_from: Option<Duration>,
    /// How long admitted work has; `None`: without limit.
    pub(crate) drain: Option<Duration>,
    /// What the drain leaves to the teardown.
    pub(crate) reserve: Duration,
    /// From the request to the end of the process, by the library's own hand.
    pub(crate) deadline: Option<Duration>,
}

impl Budget {
    /// Divides `grace` for a plan that takes `worst_case`.
    pub(crate) fn new(
        grace: Option<Duration>,
        delay: Duration,
        drain_timeout: Option<Duration>,
        worst_case: Duration,
    ) -> Self {
        let Some(whole) = grace else {
            return Self {
                grace,
                margin: Duration::ZERO,
                delay,
                delay_cut_from: None,
                drain: drain_timeout,
                reserve: worst_case,
                deadline: None,
            };
        };
        let margin = margin(whole);
        let deadline = whole - margin;
        // Cut to what leaves drain and teardown what they need, but not to less than half.
        let work = drain_timeout.unwrap_or(ASSUMED_DRAIN).saturating_add(worst_case).max(SMALLEST_MARGIN);
        let granted = delay.min(deadline.saturating_sub(work).max(deadline / 2));
        let left = deadline - granted;
        let reserve = worst_case.min(left / 2);
        let drain = drain_timeout.map_or(left - reserve, |limit| limit.min(left - reserve));
        Self {
            grace,
            margin,
            delay: granted,
            delay_cut_from: (granted < delay).then_some(delay),
            drain: Some(drain),
            reserve,
            deadline: Some(deadline),
        }
    }
}

/// What the library keeps of a grace period: 2 s of 20 s and more, else a tenth, at least 250 ms, at most
/// half.
pub(crate) fn margin(grace: Duration) -> Duration {
    if grace >= 10 * MARGIN { MARGIN } else { (grace / 10).max(SMALLEST_MARGIN).min(grace / 2) }
}

/// What a hook gets that may take `timeout` and starts with `left` on the clock, when the longest chain
/// from its start to the end of the plan may take `tail`: its timeout, or, where less is left, the same
/// share of what is left. So a chain never takes more than `left`, and its last hook has its share too.
pub(crate) fn share(timeout: Duration, tail: Duration, left: Option<Duration>) -> Duration {
    match left {
        Some(left) if left < tail => scale(timeout.min(tail), left, tail),
        _ => timeout,
    }
}

/// `value * part / whole`, rounded down, where neither factor is greater than `whole`.
fn scale(value: Duration, part: Duration, whole: Duration) -> Duration {
    let [value, part, whole] = [value, part, whole].map(|duration| duration.as_nanos());
    let nanos =
        value.checked_mul(part).map_or_else(|| long_scale(value, part, whole), |product| product / whole);
    Duration::from_nanos_u128(nanos)
}

/// The same, bit by bit, for products beyond 128 bits: a `Duration` has 94, so no sum here overflows.
fn long_scale(value: u128, part: u128, whole: u128) -> u128 {
    (0..u128::BITS - part.leading_zeros())
        .rev()
        .fold((0, 0), |(quotient, rest), bit| {
            let rest = 2 * rest + if part >> bit & 1 == 1 { value } else { 0 };
            (2 * quotient + rest / whole, rest % whole)
        })
        .0
}

/// What a plan has to fit into, and who said so: a grace period, a platform, or a configuration.
#[derive(Clone, Debug)]
pub struct Terms {
    /// `None`: nobody kills.
    pub(crate) grace: Term<Option<Duration>>,
    pub(crate) delay: Term<Duration>,
    pub(crate) margin: Term<Duration>,
    /// What the drain counts for.
    pub(crate) drain_timeout: Term<Duration>,
    /// What hooks get that declare no timeout, where it is not the plan's own default.
    pub(crate) hook_timeout: Option<Duration>,
}

/// A number and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Term<T> {
    pub(crate) value: T,
    pub(crate) source: Cow<'static, str>,
}

impl<T> Term<T> {
    pub(crate) fn new(value: T, source: impl Into<Cow<'static, str>>) -> Self {
        Self { value, source: source.into() }
    }
}

impl Terms {
    /// A grace period (`None`: nobody kills), no delay, and no limit for the drain.
    pub(crate) fn new(grace: Option<Duration>, source: impl Into<Cow<'static, str>>) -> Self {
        Self {
            grace: Term::new(grace, source),
            delay: Term::new(Duration::ZERO, "none"),
            margin: Term::new(grace.map(margin).unwrap_or_default(), "the library's own"),
            drain_timeout: Term::new(ASSUMED_DRAIN, "assumed, no drain timeout is set"),
            hook_timeout: None,
        }
    }

    /// With this shutdown delay.
    pub(crate) fn with_delay(mut self, delay: Duration, source: impl Into<Cow<'static, str>>) -> Self {
        self.delay = Term::new(delay, source);
        self
    }

    /// With this limit for the drain; `None` leaves it to the assumption.
    pub(crate) fn with_drain_timeout(
        mut self,
        limit: Option<Duration>,
        source: impl Into<Cow<'static, str>>,
    ) -> Self {
        if let Some(limit) = limit {
            self.drain_timeout = Term::new(limit, source);
        }
        self
    }

    /// With this timeout for hooks that declare none.
    pub(crate) fn with_hook_timeout(mut self, timeout: Duration) -> Self {
        self.hook_timeout = Some(timeout);
        self
    }

    /// The least grace period, in whole seconds, of which the margin leaves `work`.
    pub(crate) fn least_grace(work: Duration) -> Duration {
        let from = Duration::from_secs(work.as_secs());
        // A tenth of less than 20 s, and then a part of a second: never more than 3 s on top.
        let candidates = (0..=3).map(|more| from.saturating_add(Duration::from_secs(more)));
        candidates.into_iter().find(|&grace| grace - margin(grace) >= work).unwrap_or(Duration::MAX)
    }
}

impl From<Duration> for Terms {
    fn from(grace: Duration) -> Self {
        Self::new(Some(grace), "as given")
    }
}

impl From<Platform> for Terms {
    fn from(platform: Platform) -> Self {
        Self::new(Some(platform.grace_period()), setting(platform))
            .with_delay(platform.shutdown_delay(), format!("the default on {platform}"))
    }
}

/// The platform's own name for the grace period.
const fn setting(platform: Platform) -> &'static str {
    match platform {
        Platform::Kubernetes => "Kubernetes, terminationGracePeriodSeconds",
        Platform::Ecs => "ECS, stopTimeout",
        Platform::Systemd => "systemd, TimeoutStopSec",
        Platform::Nomad => "Nomad, kill_timeout",
        Platform::CloudRun => "Cloud Run, fixed",
        Platform::Container => "a container, stop_grace_period",
        Platform::Unknown => "assumed, the platform is not known",
    }
}
