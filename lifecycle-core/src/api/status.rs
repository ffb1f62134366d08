//! What can be asked and asked for from anywhere.

use std::time::Duration;

use crate::runtime::Lifecycle;
use crate::{Events, Reason, SiteStatus, State};

/// Asks for a stop, for this reason; a text is a request, [`Reason::failure`] exits 1. The first reason
/// wins. Returns at once: [`stopped`](crate::stopped) tells when it is done. Asked before `run`, the stop
/// begins when `run` does.
pub fn shutdown(reason: impl Into<Reason>) {
    Lifecycle::current().request(reason.into());
}

/// Where the lifecycle of this process stands.
#[must_use]
pub fn state() -> State {
    Lifecycle::current().state()
}

/// What is left until the library's own deadline, `G − M` after the request; `None` while no stop is under
/// way or without a grace period.
#[must_use]
pub fn time_left() -> Option<Duration> {
    let lifecycle = Lifecycle::current();
    lifecycle.machine().time_left(lifecycle.now())
}

/// What happens from now on.
#[must_use]
pub fn events() -> Events {
    Lifecycle::current().subscribe()
}

/// Everything that a probe or an operator may ask, at one moment.
#[must_use]
pub fn status() -> Status {
    let lifecycle = Lifecycle::current();
    let machine = lifecycle.machine();
    let reason = machine.stop().map(|stop| stop.reason.clone());
    let time_left = machine.time_left(lifecycle.now());
    drop(machine);
    Status {
        state: lifecycle.state(),
        ready: lifecycle.is_ready(),
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

    /// Who holds readiness: name and place.
    #[must_use]
    pub fn holds(&self) -> &[String] {
        &self.holds
    }
}
