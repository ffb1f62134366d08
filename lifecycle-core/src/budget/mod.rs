//! How the grace period is divided: pure arithmetic.

mod constraints;
mod deployment;
mod fits;
mod manifest;
mod manifest_error;
mod platform_limit;
#[cfg(test)]
mod tests;
mod workload;

use std::time::Duration;

pub(crate) use self::workload::{Shares, Workload};
pub use self::{
    constraints::Constraints,
    deployment::{Deployment, StopSignal, Variable},
    fits::{FitError, Fits},
    manifest::{AskedBy, Manifest, ManifestReader, Overrides},
    manifest_error::ManifestError,
    platform_limit::Setting,
};
use self::{
    platform_limit::PlatformLimit,
    workload::{LEAST_TIMEOUT, counted_drain, least_drain},
};

/// The most that the drain counts for, when a plan is measured and nobody gave it a limit.
const ASSUMED_DRAIN: Duration = Duration::from_secs(5);

/// What is kept of a time that is short for cancelling and reporting.
pub(crate) const JOIN_ROOM: Duration = Duration::from_millis(150);

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
    /// What was asked for instead of `delay`, where that would have starved the drain and the
    /// teardown.
    pub(crate) delay_cut_from: Option<Duration>,
    /// How long admitted work has; `None`: without limit.
    pub(crate) drain: Option<Duration>,
    /// What of it counts where a plan is proved to fit.
    pub(crate) counted_drain: Duration,
    /// What the drain leaves to the teardown.
    pub(crate) teardown: Duration,
    /// From the request to the end of the process, by the library's own hand.
    pub(crate) deadline: Option<Duration>,
}

impl Budget {
    /// Divides `grace` for a plan that takes `workload`. What `fits` proves is granted whole.
    pub(crate) fn new(
        grace: Option<Duration>,
        delay: Duration,
        drain_timeout: Option<Duration>,
        workload: &Workload,
    ) -> Self {
        let need = workload.drain_need.saturating_sub(delay);
        let Some(whole) = grace else {
            return Self {
                grace,
                margin: Duration::ZERO,
                delay,
                delay_cut_from: None,
                drain: drain_timeout,
                counted_drain: counted_drain(drain_timeout, need, Duration::MAX),
                teardown: workload.most(),
                deadline: None,
            };
        };
        let margin = margin(whole);
        let deadline = whole - margin;
        // Cut to what leaves drain and teardown what they need, but not to less than half.
        let least = workload.least();
        let work = least_drain(drain_timeout, need, least).saturating_add(least);
        let granted = if delay.saturating_add(work) <= deadline {
            delay
        } else {
            delay.min(deadline.saturating_sub(work.max(SMALLEST_MARGIN)).max(deadline / 2))
        };
        let left = deadline - granted;
        let counted_drain = counted_drain(drain_timeout, need, left);
        let teardown = left
            .checked_sub(counted_drain)
            .and_then(|hooks| workload.within(hooks))
            .unwrap_or_else(|| workload.most().min(left / 2));
        let drain = drain_timeout.map_or(left - teardown, |limit| limit.min(left - teardown));
        Self {
            grace,
            margin,
            delay: granted,
            delay_cut_from: (granted < delay).then_some(delay),
            drain: Some(drain),
            counted_drain,
            teardown,
            deadline: Some(deadline),
        }
    }
}

/// What the library keeps of a grace period: 2 s of 20 s and more, else a tenth, at least 250 ms,
/// at most half.
pub(crate) fn margin(grace: Duration) -> Duration {
    if grace >= 10 * MARGIN { MARGIN } else { (grace / 10).max(SMALLEST_MARGIN).min(grace / 2) }
}

/// The least grace period, in whole seconds, of which the margin leaves `work`.
pub(crate) fn least_grace(work: Duration) -> Duration {
    let from = Duration::from_secs(work.as_secs());
    // A tenth of less than 20 s, and then a part of a second: never more than 3 s on top.
    let candidates = (0..=3).map(|more| from.saturating_add(Duration::from_secs(more)));
    candidates.into_iter().find(|&grace| grace - margin(grace) >= work).unwrap_or(Duration::MAX)
}

/// What a hook gets that may take `timeout` and starts with `left` on the clock, when the longest
/// chain from its start to the end of the plan may take `tail`: its timeout, or, where less is
/// left, the same share of what is left. So a chain never takes more than `left`, and its last hook
/// has its share too.
pub(crate) fn share(timeout: Duration, tail: Duration, left: Option<Duration>) -> Duration {
    match left {
        Some(left) if left < tail => scale(timeout.min(tail), left, tail),
        _ => timeout,
    }
}

/// `value * part / whole`, rounded down, where neither factor is greater than `whole`.
fn scale(value: Duration, part: Duration, whole: Duration) -> Duration {
    let [value, part, whole] = [value, part, whole].map(|duration| duration.as_nanos());
    let nanos = value
        .checked_mul(part)
        .map_or_else(|| long_scale(value, part, whole), |product| product / whole);
    Duration::from_nanos_u128(nanos)
}

/// The same, bit by bit, for products beyond 128 bits: a `Duration` has 94, so no sum here
/// overflows. By hand, as std has no wider integer, and the floats of `Duration::mul_f64` may round
/// to more than is left.
fn long_scale(value: u128, part: u128, whole: u128) -> u128 {
    (0..u128::BITS - part.leading_zeros())
        .rev()
        .fold((0, 0), |(quotient, rest), bit| {
            let rest = 2 * rest + if part >> bit & 1 == 1 { value } else { 0 };
            (2 * quotient + rest / whole, rest % whole)
        })
        .0
}
