//! The counts, as plain data: who may use it when, and what time it is, is the gate's business.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    ptr,
    time::Duration,
};

use tokio::time::Instant;

use super::{details::Who, ending::Ending, samples::Samples};
use crate::{Site, SiteReport, declare::site::Drain};

/// What is in flight, by site, and what has come of it since draining began.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// By the address of the site: two statics never share one.
    index: HashMap<usize, usize, BuildHasherDefault<AddressHasher>>,
    sites: Vec<SiteCounters>,
    in_flight: usize,
    /// How many have ended since draining began that nobody cancelled.
    ended: u64,
    /// How many of those in flight the drain cancels in the end, or lets settle.
    to_cancel: usize,
    phase: Phase,
    closed_at: Option<Instant>,
    samples: Samples,
}

/// Where a call stands in the counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    counters: usize,
    slot: usize,
}

/// Each admitted call looks its site up. Nobody can choose the addresses of statics, so the hash
/// need not withstand anybody; a multiplication spreads them over the high bits, and a table goes by
/// the low ones too.
#[derive(Debug, Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }

    fn write_usize(&mut self, address: usize) {
        let spread = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Open,
    /// A stop was asked for, and calls are still let in.
    Requested,
    Draining,
    Over,
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
    who: Who,
    kind: Kind,
    fate: Fate,
}

/// What is in flight at a site.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) site: &'static Site,
    pub(super) in_flight: usize,
    pub(super) oldest: Duration,
    /// Who the oldest is.
    pub(super) who: Who,
}

/// What the drain does about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It waits for it.
    Owed,
    /// It cancels it when its time is up.
    Cancellable,
    /// A receive under way that has brought nothing yet and may settle. Counted in flight while its
    /// source is polled and while it settles.
    Receiving { counted: bool },
}

/// What is known of a call's ending before it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unknown,
    Cancelled,
    Abandoned,
    /// It began after the drain, which has nothing to do with it.
    Uncounted,
}

/// What became true when a call ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    /// Nothing is in flight.
    pub(super) nothing: bool,
    /// The drain is over, and nothing is left that it cancels.
    pub(super) nothing_to_cancel: bool,
}

impl Kind {
    const fn is_counted(self) -> bool {
        !matches!(self, Self::Receiving { counted: false })
    }

    fn of(site: &Site, inherited: bool) -> Self {
        if inherited || site.policy().drain == Drain::Finish {
            Self::Owed
        } else {
            Self::Cancellable
        }
    }
}

impl Tally {
    /// Of the same site.
    pub(super) fn add(&mut self, more: &Self) {
        self.in_flight += more.in_flight;
        if more.oldest > self.oldest {
            (self.oldest, self.who) = (more.oldest, more.who);
        }
    }
}

impl Entry {
    const HALF: u32 = u32::BITS;

    /// As a number that fits an atomic.
    pub(super) const fn to_bits(self) -> u64 {
        (self.counters as u64) << Self::HALF | self.slot as u64
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self { counters: (bits >> Self::HALF) as usize, slot: (bits as u32) as usize }
    }
}

impl Counters {
    /// Since when fresh calls are refused.
    pub(super) const fn closed_at(&self) -> Option<Instant> {
        self.closed_at
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    pub(super) const fn ended(&self) -> u64 {
        self.ended
    }

    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many calls the drain, which is over, has still to cancel.
    pub(super) fn cancelling(&self) -> usize {
        if self.is_over() { self.to_cancel } else { 0 }
    }

    /// Counts a call that began at `since`.
    pub(super) fn enter(
        &mut self,
        site: &'static Site,
        inherited: bool,
        since: Instant,
        who: Who,
    ) -> Entry {
        self.begin(site, Kind::of(site, inherited), since, who)
    }

    /// Counts a receive that may settle.
    pub(super) fn enter_receiving(&mut self, site: &'static Site, now: Instant, who: Who) -> Entry {
        self.begin(site, Kind::Receiving { counted: true }, now, who)
    }

    /// A call panicked that was not counted, as draining has not begun.
    pub(super) fn panicked(&mut self, site: &'static Site) {
        if self.phase == Phase::Requested {
            let report = &mut self.counters(site).1.report;
            report.admitted += 1;
            report.panicked += 1;
        }
    }

    /// The source of a receive has brought nothing yet: only a drain waits for it from here.
    pub(super) fn park(&mut self, entry: Entry) {
        if self.phase < Phase::Draining {
            self.count_receiving(entry, false);
        }
    }

    /// The source of a receive is to be polled again, which is of no use once the drain is over.
    pub(super) fn resume(&mut self, entry: Entry, now: Instant) -> bool {
        if self.phase < Phase::Draining {
            self.count_receiving(entry, true);
            if let Some(slot) = &mut self.sites[entry.counters].slots[entry.slot] {
                slot.since = now;
            }
        }
        !self.is_over()
    }

    /// The receive has brought something: from here it is a call like others.
    pub(super) fn receive(&mut self, entry: Entry, inherited: bool, now: Instant) -> Left {
        let is_over = self.is_over();
        let counters = &mut self.sites[entry.counters];
        let Some(slot) = &mut counters.slots[entry.slot] else { return Left::default() };
        slot.kind = Kind::of(counters.site, inherited);
        self.to_cancel -= usize::from(slot.kind == Kind::Owed);
        if is_over {
            if slot.fate == Fate::Uncounted {
                // Taken for one that would bring nothing.
                counters.report.at_start += 1;
                counters.report.admitted += 1;
            }
            slot.abandon(&mut counters.report, now);
        }
        Left { nothing: false, ..self.left() }
    }

    pub(super) fn refuse(&mut self, site: &'static Site) {
        self.counters(site).1.report.refused += 1;
    }

    pub(super) fn cancel(&mut self, entry: Entry) {
        let counters = &mut self.sites[entry.counters];
        if let Some(slot) = &mut counters.slots[entry.slot]
            && slot.fate == Fate::Unknown
        {
            slot.fate = Fate::Cancelled;
            counters.report.cancelled += 1;
        }
    }

    /// Un-counts a call.
    pub(super) fn leave(&mut self, entry: Entry, ending: Ending) -> Left {
        let counters = &mut self.sites[entry.counters];
        let Some(slot) = counters.slots[entry.slot].take() else { return Left::default() };
        counters.free.push(entry.slot);
        if slot.kind.is_counted() {
            self.in_flight -= 1;
            self.to_cancel -= usize::from(slot.kind != Kind::Owed);
        }
        match self.phase {
            // The way of nearly every call.
            Phase::Open => return Left::default(),
            Phase::Requested if ending == Ending::Panicked => {
                counters.report.admitted += 1;
                counters.report.panicked += 1;
            }
            Phase::Requested => {}
            Phase::Draining | Phase::Over => {
                let now = Instant::now();
                let is_own = slot.kind.is_counted() && slot.fate != Fate::Cancelled;
                self.ended += u64::from(is_own);
                slot.count(&mut counters.report, ending, now);
                self.note(now);
            }
        }
        self.left()
    }

    /// A stop was asked for: what panics from here on is counted.
    pub(super) fn request(&mut self) {
        self.phase = self.phase.max(Phase::Requested);
    }

    /// Draining begins. Returns whether that is news.
    pub(super) fn close(&mut self, now: Instant) -> bool {
        if self.phase >= Phase::Draining {
            return false;
        }
        self.phase = Phase::Draining;
        self.closed_at = Some(now);
        for counters in &mut self.sites {
            for slot in counters.slots.iter_mut().flatten() {
                if !slot.kind.is_counted() {
                    *slot = Slot { since: now, kind: Kind::Receiving { counted: true }, ..*slot };
                    self.in_flight += 1;
                    self.to_cancel += 1;
                }
                counters.report.at_start += 1;
                counters.report.admitted += 1;
            }
        }
        self.note(now);
        true
    }

    /// The drain is over: what is left of what it owed an end is abandoned. Returns whether that is
    /// news.
    pub(super) fn abandon(&mut self, now: Instant) -> bool {
        if self.phase != Phase::Draining {
            return false;
        }
        self.note(now);
        self.phase = Phase::Over;
        self.abandon_all(now, |kind| kind == Kind::Owed);
        true
    }

    /// What the drain had to cancel and could not is abandoned too.
    pub(super) fn give_up_cancelling(&mut self, now: Instant) {
        if self.is_over() {
            self.abandon_all(now, |_| true);
        }
    }

    /// The site of this name, among those that ever had a call.
    #[cfg(feature = "testing")]
    pub(super) fn site_of(&self, name: &str) -> Option<&'static Site> {
        self.sites.iter().map(|counters| counters.site).find(|site| site.name() == name)
    }

    /// Whether any site ever had a call.
    pub(super) const fn is_used(&self) -> bool {
        !self.sites.is_empty()
    }

    /// How many were in flight, over the drain: since it began, and how many.
    pub(super) fn samples(&self) -> &[(Duration, usize)] {
        self.samples.points()
    }

    /// The sites with calls in flight.
    pub(super) fn tallies(&self, now: Instant) -> Vec<Tally> {
        self.sites.iter().filter_map(|counters| counters.tally(now)).collect()
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

    fn begin(&mut self, site: &'static Site, kind: Kind, since: Instant, who: Who) -> Entry {
        let phase = self.phase;
        let fate = if phase == Phase::Over { Fate::Uncounted } else { Fate::Unknown };
        let slot = Slot { since, who, kind, fate };
        self.in_flight += 1;
        self.to_cancel += usize::from(kind != Kind::Owed);
        self.note(since);
        let (number, counters) = self.counters(site);
        counters.report.admitted += usize::from(phase == Phase::Draining);
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

    fn count_receiving(&mut self, entry: Entry, count: bool) {
        let Some(slot) = &mut self.sites[entry.counters].slots[entry.slot] else { return };
        let Kind::Receiving { counted } = &mut slot.kind else { return };
        if std::mem::replace(counted, count) == count {
            return;
        }
        if count {
            self.in_flight += 1;
            self.to_cancel += 1;
        } else {
            self.in_flight -= 1;
            self.to_cancel -= 1;
        }
    }

    fn abandon_all(&mut self, now: Instant, which: impl Fn(Kind) -> bool) {
        for counters in &mut self.sites {
            let unknown = |slot: &&mut Slot| slot.fate == Fate::Unknown && which(slot.kind);
            for slot in counters.slots.iter_mut().flatten().filter(unknown) {
                match slot.kind {
                    // It has brought nothing, so nothing is lost.
                    Kind::Receiving { .. } => slot.withdraw(&mut counters.report),
                    Kind::Owed | Kind::Cancellable => slot.abandon(&mut counters.report, now),
                }
            }
        }
    }

    fn left(&self) -> Left {
        Left {
            nothing: self.in_flight == 0,
            nothing_to_cancel: self.is_over() && self.to_cancel == 0,
        }
    }

    fn note(&mut self, now: Instant) {
        if let (Phase::Draining, Some(since)) = (self.phase, self.closed_at) {
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

impl Slot {
    /// The call has ended, since draining began.
    fn count(mut self, report: &mut SiteReport, ending: Ending, now: Instant) {
        match (self.fate, ending) {
            (Fate::Unknown, Ending::Finished) => report.finished += 1,
            (Fate::Unknown, Ending::Panicked) => report.panicked += 1,
            (Fate::Unknown, Ending::Dropped) => report.dropped += 1,
            (Fate::Unknown, Ending::Lost) => self.abandon(report, now),
            (Fate::Unknown, Ending::Withdrawn) => self.withdraw(report),
            (Fate::Abandoned, Ending::Finished) => report.finished_late += 1,
            // The rest was counted when it became known.
            _ => {}
        }
    }

    fn abandon(&mut self, report: &mut SiteReport, now: Instant) {
        self.fate = Fate::Abandoned;
        report.abandoned += 1;
        let age = Some(now.saturating_duration_since(self.since));
        if age > report.oldest_abandoned {
            report.oldest_abandoned = age;
            (report.oldest_abandoned_task, report.oldest_abandoned_span) =
                (self.who.task, self.who.span());
        }
    }

    /// Nobody begins to receive once draining, so this one was there at the start, and was no call.
    fn withdraw(&mut self, report: &mut SiteReport) {
        self.fate = Fate::Uncounted;
        report.at_start -= 1;
        report.admitted -= 1;
    }
}

impl SiteCounters {
    fn tally(&self, now: Instant) -> Option<Tally> {
        let mut all: Option<Tally> = None;
        for slot in self.slots.iter().flatten().filter(|slot| slot.kind.is_counted()) {
            let oldest = now.saturating_duration_since(slot.since);
            let one = Tally { site: self.site, in_flight: 1, oldest, who: slot.who };
            match &mut all {
                Some(all) => all.add(&one),
                None => all = Some(one),
            }
        }
        all
    }
}
