//! The counts, as plain data: who may use it when, and what time it is, is the gate's business.

use std::{collections::HashMap, ptr, time::Duration};

use tokio::time::Instant;

use super::samples::Curve;
use crate::{Site, SiteReport, SiteStatus, declare::site::Drain};

/// What is in flight, by site, and what has come of it since draining began.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// By the address of the site: two statics never share one.
    index: HashMap<usize, usize>,
    pages: Vec<Page>,
    in_flight: usize,
    phase: Phase,
    curve: Curve,
}

/// Where a call stands in the book.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    page: usize,
    line: usize,
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
struct Page {
    site: &'static Site,
    lines: Vec<Option<Line>>,
    free: Vec<usize>,
    report: SiteReport,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    since: Instant,
    /// Whether the drain owes it an end; not so for what `drain = cancel` may drop.
    owed: bool,
    abandoned: bool,
}

impl Book {
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
        let line = Line { since: now, owed, abandoned: false };
        self.in_flight += 1;
        self.note(now);
        let (number, page) = self.page(site);
        let at = match page.free.pop() {
            Some(at) => {
                page.lines[at] = Some(line);
                at
            }
            None => {
                page.lines.push(Some(line));
                page.lines.len() - 1
            }
        };
        Entry { page: number, line: at }
    }

    pub(super) fn refuse(&mut self, site: &'static Site) {
        self.page(site).1.report.refused += 1;
    }

    pub(super) fn cancel(&mut self, entry: Entry) {
        self.pages[entry.page].report.cancelled += 1;
    }

    /// Un-counts a call. Returns whether that left nothing in flight.
    pub(super) fn leave(&mut self, entry: Entry, ending: Ending) -> bool {
        let page = &mut self.pages[entry.page];
        let Some(line) = page.lines[entry.line].take() else { return false };
        page.free.push(entry.line);
        let report = &mut page.report;
        match (self.phase, ending) {
            (Phase::Draining { .. }, Ending::Finished) => report.finished += 1,
            (Phase::Over { .. }, Ending::Finished) if line.abandoned => report.finished_late += 1,
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
        for page in &mut self.pages {
            page.report.at_start = page.lines.iter().flatten().count();
        }
        self.note(now);
        true
    }

    /// The drain is over: what is left of what it owed an end is abandoned.
    pub(super) fn abandon(&mut self, now: Instant) {
        let Phase::Draining { since } = self.phase else { return };
        self.note(now);
        self.phase = Phase::Over { drained_from: since };
        for page in &mut self.pages {
            for line in page.lines.iter_mut().flatten().filter(|line| line.owed) {
                line.abandoned = true;
                page.report.abandoned += 1;
                let age = Some(now.saturating_duration_since(line.since));
                page.report.oldest_abandoned = page.report.oldest_abandoned.max(age);
            }
        }
    }

    /// Whether any site ever had a call.
    pub(super) const fn is_used(&self) -> bool {
        !self.pages.is_empty()
    }

    /// How many were in flight, over the drain: since it began, and how many.
    pub(super) fn curve(&self) -> &[(Duration, usize)] {
        self.curve.points()
    }

    /// The sites with calls in flight, by name.
    pub(super) fn snapshot(&self, now: Instant) -> Vec<SiteStatus> {
        let mut all: Vec<_> = self.pages.iter().filter_map(|page| page.status(now)).collect();
        all.sort_unstable_by_key(|status| (status.name, status.location));
        all
    }

    /// The sites that the drain had to do with, by name.
    pub(super) fn report(&self) -> Vec<SiteReport> {
        let mut all: Vec<_> = self
            .pages
            .iter()
            .map(|page| &page.report)
            .filter(|report| !report.is_empty())
            .cloned()
            .collect();
        all.sort_unstable_by_key(|report| (report.name(), report.location()));
        all
    }

    fn note(&mut self, now: Instant) {
        if let Phase::Draining { since } = self.phase {
            self.curve.note(now.saturating_duration_since(since), self.in_flight);
        }
    }

    fn page(&mut self, site: &'static Site) -> (usize, &mut Page) {
        let pages = &mut self.pages;
        let number = *self.index.entry(ptr::from_ref(site).addr()).or_insert_with(|| {
            pages.push(Page {
                site,
                lines: Vec::new(),
                free: Vec::new(),
                report: SiteReport::new(site.name(), site.location()),
            });
            pages.len() - 1
        });
        (number, &mut pages[number])
    }
}

impl Page {
    fn status(&self, now: Instant) -> Option<SiteStatus> {
        let mut in_flight = 0;
        let mut oldest = Duration::ZERO;
        for line in self.lines.iter().flatten() {
            in_flight += 1;
            oldest = oldest.max(now.saturating_duration_since(line.since));
        }
        (in_flight > 0).then(|| SiteStatus {
            name: self.site.name(),
            location: self.site.location(),
            in_flight,
            oldest,
        })
    }
}
