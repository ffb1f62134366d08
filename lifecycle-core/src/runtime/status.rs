//! A lifecycle at one moment.

use std::{collections::HashMap, time::Duration};

use super::jobs::JobStatus;
use crate::{
    Reason, SiteStatus, State,
    declare::site::SiteEntry,
    machine::{Drain, Moment, TeardownHook},
    values::HookId,
};

/// A lifecycle at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    pub(super) state: State,
    pub(super) ready: bool,
    pub(super) reason: Option<Reason>,
    pub(super) time_left: Option<Duration>,
    pub(super) hooks: HookStatus,
    pub(super) sites: Vec<SiteStatus>,
    pub(super) holds: Vec<String>,
    pub(super) drain: Option<DrainStatus>,
    pub(super) jobs: Vec<JobStatus>,
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

    /// How far the hooks are.
    #[must_use]
    pub const fn hooks(&self) -> &HookStatus {
        &self.hooks
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

    /// Every site of a `#[tracked]` function that the program is linked with, and every other one
    /// that has calls in flight, by name and place: what is in flight there, zero included.
    #[must_use]
    pub fn known_sites(&self) -> Vec<SiteStatus> {
        let mut known = self.sites.clone();
        let idle = inventory::iter::<SiteEntry>.into_iter().map(|entry| SiteStatus {
            name: entry.0.name(),
            location: entry.0.location(),
            in_flight: 0,
            oldest: Duration::ZERO,
            task: None,
            span: None,
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

    /// What has become of the jobs of each consumer and class so far.
    #[must_use]
    pub fn jobs(&self) -> &[JobStatus] {
        &self.jobs
    }

    /// The drain of the stop that is under way, once it has begun.
    #[must_use]
    pub const fn drain(&self) -> Option<DrainStatus> {
        self.drain
    }
}

/// How long a drain takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainStatus {
    pub(super) took: Duration,
    pub(super) allotted: Option<Duration>,
}

impl DrainStatus {
    /// How long it has taken so far, or took in all.
    #[must_use]
    pub const fn took(self) -> Duration {
        self.took
    }

    /// How long it may take; `None` without a limit.
    #[must_use]
    pub const fn allotted(self) -> Option<Duration> {
        self.allotted
    }
}

/// The drain, as the driver publishes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishedDrain {
    began: Moment,
    ended: Option<Moment>,
    allotted: Option<Duration>,
}

impl PublishedDrain {
    pub(super) fn new(drain: &Drain) -> Self {
        Self { began: drain.began, ended: drain.ended, allotted: drain.allotted() }
    }

    pub(super) fn status(self, now: Moment) -> DrainStatus {
        let took = self.ended.unwrap_or(now).since(self.began);
        DrainStatus { took, allotted: self.allotted }
    }
}

/// How far the hooks of a lifecycle are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookStatus {
    planned: usize,
    ended: usize,
    running: Vec<String>,
    time_left: Option<Duration>,
}

impl HookStatus {
    /// How many there are: as far as is known until the final plan is made, when the drain is over.
    /// None before `run`.
    #[must_use]
    pub const fn planned(&self) -> usize {
        self.planned
    }

    /// How many have their outcome.
    #[must_use]
    pub const fn ended(&self) -> usize {
        self.ended
    }

    /// Those that have started and have none, stuck ones among them, by name.
    #[must_use]
    pub fn running(&self) -> &[String] {
        &self.running
    }

    /// The longest that one of those that run may still take before it is cancelled; nothing where
    /// the time of all is up.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.time_left
    }
}

/// The hooks, as the driver publishes them. Each change costs the same, however many there are.
#[derive(Debug, Default)]
pub(crate) struct PublishedHooks {
    pub(super) planned: usize,
    ended: usize,
    /// With when each is cancelled.
    running: HashMap<HookId, (TeardownHook, Moment)>,
}

impl PublishedHooks {
    pub(super) fn started(&mut self, hook: TeardownHook, until: Moment) {
        self.running.insert(hook.id(), (hook, until));
    }

    /// A stuck hook that ends later is none that ends twice.
    pub(super) fn ended(&mut self, hook: HookId) {
        self.ended += usize::from(self.running.remove(&hook).is_some());
    }

    pub(super) fn status(&self, now: Moment) -> HookStatus {
        let mut running: Vec<_> =
            self.running.values().map(|(hook, _)| hook.name().to_owned()).collect();
        running.sort_unstable();
        let until = self.running.values().map(|(_, until)| *until).max();
        let time_left = until.map(|until| until.since(now));
        HookStatus { planned: self.planned, ended: self.ended, running, time_left }
    }
}
