//! What can be asked and asked for from anywhere.

use std::{sync::Arc, time::Duration};

use crate::runtime::Lifecycle;
use crate::{
    Events, Reason, SiteStatus, SourceLocation, State, admission::context::Interest,
    declare::site::SiteEntry,
};

/// Asks for a stop, for this reason; a text is a request, [`Reason::failure`] exits 1. The first reason
/// wins. Returns at once: [`stopped`](crate::stopped) tells when it is done. Asked before `run`, the stop
/// begins when `run` does.
pub fn shutdown(reason: impl Into<Reason>) {
    Lifecycle::current().request(reason.into());
}

/// Says that the work of a job is complete, although it has seen that a stop was asked for: its `Ok` is
/// a success then. A job that never looked needs not say so.
pub fn completed() {
    Lifecycle::current().main.complete();
}

/// Where the lifecycle of this process stands. Whoever asks, listens: see [`draining`](crate::draining).
#[track_caller]
#[must_use]
pub fn state() -> State {
    let lifecycle = Lifecycle::current();
    lifecycle.gate.listen(SourceLocation::caller(), Interest::Other);
    let state = lifecycle.state();
    if state > State::Running {
        lifecycle.gate.note_stop_seen();
    }
    state
}

/// What is left until the library's own deadline, `G − M` after the request; `None` while no stop is under
/// way or without a grace period.
#[must_use]
pub fn time_left() -> Option<Duration> {
    Lifecycle::current().time_left()
}

/// What happens from now on.
#[track_caller]
#[must_use]
pub fn events() -> Events {
    Lifecycle::current().gate.listen(SourceLocation::caller(), Interest::Other);
    let lifecycle = Lifecycle::current();
    lifecycle.bus.subscribe(Some(Arc::clone(&lifecycle.gate)))
}

/// Everything that a probe or an operator may ask, at one moment.
#[must_use]
pub fn status() -> Status {
    let lifecycle = Lifecycle::current();
    let now = lifecycle.now();
    let published = lifecycle.published.borrow();
    let (state, reason) = (published.state, published.reason.clone());
    let time_left = published.deadline.map(|deadline| deadline.since(now));
    drop(published);
    Status {
        state,
        ready: state == State::Running && lifecycle.readiness.is_given(),
        reason,
        time_left,
        sites: lifecycle.gate.snapshot(),
        holds: lifecycle.readiness.holds(),
    }
}

/// A lifecycle at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    state: State,
    ready: bool,
    reason: Option<Reason>,
    time_left: Option<Duration>,
    sites: Vec<SiteStatus>,
    holds: Vec<String>,
}

impl Status {
    /// Where the lifecycle stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether traffic may come: `Running`, and nobody holds readiness.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether the process works: yes until `Stopped`, also while it drains.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.state < State::Stopped
    }

    /// Why a stop is under way.
    #[must_use]
    pub const fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// What is left until the deadline of a stop that is under way.
    #[must_use]
    pub const fn time_left(&self) -> Option<Duration> {
        self.time_left
    }

    /// How many calls are in flight, over all sites.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.sites.iter().map(SiteStatus::in_flight).sum()
    }

    /// The sites that have calls in flight.
    #[must_use]
    pub fn sites(&self) -> &[SiteStatus] {
        &self.sites
    }

    /// Every site of a `#[tracked]` function that the program is linked with, and every other one that has calls
    /// in flight, by name and place: what is in flight there, zero included.
    #[must_use]
    pub fn known_sites(&self) -> Vec<SiteStatus> {
        let mut known = self.sites.clone();
        let idle = inventory::iter::<SiteEntry>.into_iter().map(|entry| SiteStatus {
            name: entry.0.name(),
            location: entry.0.location(),
            in_flight: 0,
            oldest: Duration::ZERO,
        });
        known.extend(idle);
        // Stable: what is in flight stands first among equals.
        known.sort_by_key(|site| (site.name, site.location));
        known.dedup_by_key(|site| (site.name, site.location));
        known
    }

    /// Who holds readiness: name and place.
    #[must_use]
    pub fn holds(&self) -> &[String] {
        &self.holds
    }
}
