//! The counts, as plain data: who may use it when, and what time it is, is the gate's business.

use std::{collections::HashMap, ptr, time::Duration};

use tokio::time::Instant;

use super::samples::Samples;
use crate::{Site, SiteReport, SiteStatus, declare::site::Drain};

/// What is in flight, by site, and what has come of it since draining began.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// By the address of the site: two statics never share one.
    index: HashMap<usize, usize>,
    sites: Vec<SiteCounters>,
    in_flight: usize,
    phase: Phase,
    samples: Samples,
}

/// Where a call stands in the counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    counters: usize,
    slot: usize,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// By itself, or dropped by its caller.
    Finished,
    /// By `drain = cancel`; counted when it happened.
    Cancelled,
    /// It turned out to be none: `pull` found its source empty.
    Withdrawn,
}

#[derive(Clone, Copy, Debug, Default)]
enum Phase {
    #[default]
    Open,
    Draining {
        since: Instant,
    },
    Over {
        drained_from: Instant,
    },
}

#[derive(Debug)]
struct SiteCounters {
    site: &'static Site,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    report: SiteReport,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    since: Instant,
    /// Whether the drain owes it an end; not so for what `drain = cancel` may drop.
    owed: bool,
    abandoned: bool,
}

impl Counters {
    /// Since when fresh calls are refused.
    pub(super) const fn closed_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open => None,
            Phase::Draining { since } | Phase::Over { drained_from: since } => Some(since),
        }
    }

    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Counts a call.
    pub(super) fn enter(&mut self, site: &'static Site, inherited: bool, now: Instant) -> Entry {
        let owed = inherited || site.policy().drain == Drain::Finish;
        let slot = Slot { since: now, owed, abandoned: false };
        self.in_flight += 1;
        self.note(now);
        let (number, counters) = self.counters(site);
        let at = match counters.free.pop() {
            Some(at) => {
                counters.slots[at] = Some(slot);
                at
            }
            None => {
                counters.slots.push(Some(slot));
                counters.slots.len() - 1
            }
        };
        Entry { counters: number, slot: at }
    }

    pub(super) fn refuse(&mut self, site: &'static Site) {
        self.counters(site).1.report.refused += 1;
    }

    pub(super) fn cancel(&mut self, entry: Entry) {
        self.sites[entry.counters].report.cancelled += 1;
    }

    /// Un-counts a call. Returns whether that left nothing in flight.
    pub(super) fn leave(&mut self, entry: Entry, ending: Ending) -> bool {
        let counters = &mut self.sites[entry.counters];
        let Some(slot) = counters.slots[entry.slot].take() else { return false };
        counters.free.push(entry.slot);
        let report = &mut counters.report;
        match (self.phase, ending) {
            (Phase::Draining { .. }, Ending::Finished) => report.finished += 1,
            (Phase::Over { .. }, Ending::Finished) if slot.abandoned => report.finished_late += 1,
            // Nobody pulls once draining, so this one was there at the start and was no call.
            (Phase::Draining { .. }, Ending::Withdrawn) => report.at_start -= 1,
            _ => {}
        }
        self.in_flight -= 1;
        if matches!(self.phase, Phase::Draining { .. }) {
            self.note(Instant::now());
        }
        self.in_flight == 0
    }

    /// Draining begins. Returns whether that is news.
    pub(super) fn close(&mut self, now: Instant) -> bool {
        if !matches!(self.phase, Phase::Open) {
            return false;
        }
        self.phase = Phase::Draining { since: now };
        for counters in &mut self.sites {
            counters.report.at_start = counters.slots.iter().flatten().count();
        }
        self.note(now);
        true
    }

    /// The drain is over: what is left of what it owed an end is abandoned.
    pub(super) fn abandon(&mut self, now: Instant) {
        let Phase::Draining { since } = self.phase else { return };
        self.note(now);
        self.phase = Phase::Over { drained_from: since };
        for counters in &mut self.sites {
            for slot in counters.slots.iter_mut().flatten().filter(|slot| slot.owed) {
                slot.abandoned = true;
                counters.report.abandoned += 1;
                let age = Some(now.saturating_duration_since(slot.since));
                counters.report.oldest_abandoned = counters.report.oldest_abandoned.max(age);
            }
        }
    }

    /// Whether any site ever had a call.
    pub(super) const fn is_used(&self) -> bool {
        !self.sites.is_empty()
    }

    /// How many were in flight, over the drain: since it began, and how many.
    pub(super) fn samples(&self) -> &[(Duration, usize)] {
        self.samples.points()
    }

    /// The sites with calls in flight, by name.
    pub(super) fn snapshot(&self, now: Instant) -> Vec<SiteStatus> {
        let mut all: Vec<_> =
            self.sites.iter().filter_map(|counters| counters.status(now)).collect();
        all.sort_unstable_by_key(|status| (status.name, status.location));
        all
    }

    /// The sites that the drain had to do with, by name.
    pub(super) fn report(&self) -> Vec<SiteReport> {
        let mut all: Vec<_> = self
            .sites
            .iter()
            .map(|counters| &counters.report)
            .filter(|report| !report.is_empty())
            .cloned()
            .collect();
        all.sort_unstable_by_key(|report| (report.name(), report.location()));
        all
    }

    fn note(&mut self, now: Instant) {
        if let Phase::Draining { since } = self.phase {
            self.samples.note(now.saturating_duration_since(since), self.in_flight);
        }
    }

    fn counters(&mut self, site: &'static Site) -> (usize, &mut SiteCounters) {
        let sites = &mut self.sites;
        let number = *self.index.entry(ptr::from_ref(site).addr()).or_insert_with(|| {
            sites.push(SiteCounters {
                site,
                slots: Vec::new(),
                free: Vec::new(),
                report: SiteReport::new(site.name(), site.location()),
            });
            sites.len() - 1
        });
        (number, &mut sites[number])
    }
}

impl SiteCounters {
    fn status(&self, now: Instant) -> Option<SiteStatus> {
        let mut in_flight = 0;
        let mut oldest = Duration::ZERO;
        for slot in self.slots.iter().flatten() {
            in_flight += 1;
            oldest = oldest.max(now.saturating_duration_since(slot.since));
        }
        (in_flight > 0).then(|| SiteStatus {
            name: self.site.name(),
            location: self.site.location(),
            in_flight,
            oldest,
        })
    }
}
