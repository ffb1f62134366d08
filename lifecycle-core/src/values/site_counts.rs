use std::{fmt, num::NonZeroU64, time::Duration};

use serde::{Deserialize, Serialize};

use super::SourceLocation;
use crate::text::json::{Static, interned, optional_interned, optional_moment};

/// What is in flight at one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteStatus {
    pub(crate) name: &'static str,
    pub(crate) location: SourceLocation,
    pub(crate) in_flight: usize,
    pub(crate) oldest: Duration,
    pub(crate) task: Option<NonZeroU64>,
    pub(crate) span: Option<&'static str>,
}

impl SiteStatus {
    /// The site's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Where the site is declared.
    #[must_use]
    pub const fn location(&self) -> SourceLocation {
        self.location
    }

    /// Its calls that were admitted and have not ended; at least one.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How long ago the oldest of them was admitted.
    ///
    /// Once it was suspended, or somebody holds it (a guard, an admission, a stream), this is late
    /// by a tick of the kernel at most (10 ms). A call that has never yielded is as old as the first
    /// look at it: by a status, by an observer, or when draining begins. So it is at least so old.
    #[must_use]
    pub const fn oldest(&self) -> Duration {
        self.oldest
    }

    /// The tokio task in which the oldest of them began, as `tokio::task::Id` prints it.
    #[must_use]
    pub const fn task(&self) -> Option<NonZeroU64> {
        self.task
    }

    /// The name of the `tracing` span in which the oldest of them was when it was first suspended,
    /// where a subscriber collects spans.
    #[must_use]
    pub const fn span(&self) -> Option<&'static str> {
        self.span
    }

    /// Both, to be put after its age.
    pub(crate) fn whereabouts(&self) -> String {
        whereabouts(self.task, self.span)
    }
}

impl fmt::Display for SiteStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {} in flight, the oldest for {:.1?}",
            self.name, self.location, self.in_flight, self.oldest
        )?;
        f.write_str(&self.whereabouts())
    }
}

/// Where a call was last seen, to be put after its age.
fn whereabouts(task: Option<NonZeroU64>, span: Option<&str>) -> String {
    match (task, span) {
        (Some(task), Some(span)) => format!(" in task {task}, span {span}"),
        (Some(task), None) => format!(" in task {task}"),
        (None, Some(span)) => format!(" in span {span}"),
        (None, None) => String::new(),
    }
}

/// What the stop did to the calls of one site.
///
/// Each call that it had to do with ends in exactly one way, so when the report is final
/// [`admitted`](Self::admitted) is the sum of [`finished`](Self::finished),
/// [`panicked`](Self::panicked), [`dropped`](Self::dropped), [`cancelled`](Self::cancelled) and
/// [`abandoned`](Self::abandoned); and what was abandoned is either
/// [`finished_late`](Self::finished_late) or [`lost`](Self::lost).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteReport {
    #[serde(deserialize_with = "interned")]
    pub(crate) name: Static,
    #[serde(flatten)]
    pub(crate) location: SourceLocation,
    pub(crate) at_start: usize,
    #[serde(default)]
    pub(crate) admitted: usize,
    pub(crate) finished: usize,
    #[serde(default)]
    pub(crate) panicked: usize,
    #[serde(default)]
    pub(crate) dropped: usize,
    pub(crate) refused: usize,
    pub(crate) cancelled: usize,
    pub(crate) abandoned: usize,
    #[serde(rename = "oldest_abandoned_seconds", with = "optional_moment")]
    pub(crate) oldest_abandoned: Option<Duration>,
    #[serde(default)]
    pub(crate) oldest_abandoned_task: Option<NonZeroU64>,
    #[serde(default, deserialize_with = "optional_interned")]
    pub(crate) oldest_abandoned_span: Option<Static>,
    pub(crate) finished_late: usize,
}

impl SiteReport {
    pub(crate) const fn new(name: &'static str, location: SourceLocation) -> Self {
        Self {
            name,
            location,
            at_start: 0,
            admitted: 0,
            finished: 0,
            panicked: 0,
            dropped: 0,
            refused: 0,
            cancelled: 0,
            abandoned: 0,
            oldest_abandoned: None,
            oldest_abandoned_task: None,
            oldest_abandoned_span: None,
            finished_late: 0,
        }
    }

    /// The site's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Where the site is declared.
    #[must_use]
    pub const fn location(&self) -> SourceLocation {
        self.location
    }

    /// Calls in flight when draining began.
    #[must_use]
    pub const fn at_start(&self) -> usize {
        self.at_start
    }

    /// Calls that the stop had to do with: those in flight when draining began, those that admitted
    /// work began while draining, and those that panicked between the request and the drain.
    #[must_use]
    pub const fn admitted(&self) -> usize {
        self.admitted
    }

    /// Calls whose code ran to its end within the drain.
    #[must_use]
    pub const fn finished(&self) -> usize {
        self.finished
    }

    /// Calls that a panic ended, from the request for the stop to the end of the drain.
    #[must_use]
    pub const fn panicked(&self) -> usize {
        self.panicked
    }

    /// Calls that their caller dropped half-way within the drain: a client that went away, a
    /// timeout, a task that was aborted.
    #[must_use]
    pub const fn dropped(&self) -> usize {
        self.dropped
    }

    /// Calls turned away since draining began.
    #[must_use]
    pub const fn refused(&self) -> usize {
        self.refused
    }

    /// Calls that `drain = cancel` dropped half-way, each of which was answered with a refusal.
    #[must_use]
    pub const fn cancelled(&self) -> usize {
        self.cancelled
    }

    /// Calls that were still running when the drain's time was up, or were cut together with main.
    #[must_use]
    pub const fn abandoned(&self) -> usize {
        self.abandoned
    }

    /// How old the oldest abandoned call was when the drain's time was up; `None` when there was
    /// none.
    #[must_use]
    pub const fn oldest_abandoned(&self) -> Option<Duration> {
        self.oldest_abandoned
    }

    /// The tokio task in which that one began, as `tokio::task::Id` prints it, if in one.
    #[must_use]
    pub const fn oldest_abandoned_task(&self) -> Option<NonZeroU64> {
        self.oldest_abandoned_task
    }

    /// The name of the `tracing` span in which that one was when it was first suspended, where a
    /// subscriber collects spans.
    #[must_use]
    pub const fn oldest_abandoned_span(&self) -> Option<&'static str> {
        self.oldest_abandoned_span
    }

    /// Both, to be put after its age.
    pub(crate) fn oldest_abandoned_whereabouts(&self) -> String {
        whereabouts(self.oldest_abandoned_task, self.oldest_abandoned_span)
    }

    /// How many of the abandoned calls ran to their end later, while hooks ran.
    #[must_use]
    pub const fn finished_late(&self) -> usize {
        self.finished_late
    }

    /// How many of the abandoned calls did not finish before the report was final: they were
    /// dropped with main, panicked, or still ran.
    #[must_use]
    pub const fn lost(&self) -> usize {
        self.abandoned.saturating_sub(self.finished_late)
    }

    /// Whether no call was abandoned, and none panicked.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.abandoned == 0 && self.panicked == 0
    }

    /// Whether the drain had nothing to do with the site.
    pub(crate) const fn is_empty(&self) -> bool {
        self.at_start == 0 && self.admitted == 0 && self.refused == 0
    }

    #[cfg(test)]
    pub(crate) const fn for_tests(name: &'static str, count: usize, oldest: Duration) -> Self {
        Self {
            name,
            location: SourceLocation::new("src/orders.rs", 1),
            at_start: count,
            admitted: count.saturating_mul(5),
            finished: count,
            panicked: count,
            dropped: count,
            refused: count,
            cancelled: count,
            abandoned: count,
            oldest_abandoned: Some(oldest),
            oldest_abandoned_task: None,
            oldest_abandoned_span: None,
            finished_late: count,
        }
    }
}
