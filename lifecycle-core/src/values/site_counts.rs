use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::SourceLocation;
use crate::text::json::{Static, interned, optional_moment};

/// What is in flight at one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteStatus {
    pub(crate) name: &'static str,
    pub(crate) location: SourceLocation,
    pub(crate) in_flight: usize,
    pub(crate) oldest: Duration,
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
    #[must_use]
    pub const fn oldest(&self) -> Duration {
        self.oldest
    }
}

impl fmt::Display for SiteStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {} in flight, the oldest for {:.1?}",
            self.name, self.location, self.in_flight, self.oldest
        )
    }
}

/// What the drain did to the calls of one site.
///
/// Calls that admitted work began while draining are counted with the rest, so what finished may
/// exceed what was in flight at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteReport {
    #[serde(deserialize_with = "interned")]
    pub(crate) name: Static,
    #[serde(flatten)]
    pub(crate) location: SourceLocation,
    pub(crate) at_start: usize,
    pub(crate) finished: usize,
    pub(crate) refused: usize,
    pub(crate) cancelled: usize,
    pub(crate) abandoned: usize,
    #[serde(rename = "oldest_abandoned_seconds", with = "optional_moment")]
    pub(crate) oldest_abandoned: Option<Duration>,
    pub(crate) finished_late: usize,
}

impl SiteReport {
    pub(crate) const fn new(name: &'static str, location: SourceLocation) -> Self {
        Self {
            name,
            location,
            at_start: 0,
            finished: 0,
            refused: 0,
            cancelled: 0,
            abandoned: 0,
            oldest_abandoned: None,
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

    /// Calls that ended by themselves within the drain.
    #[must_use]
    pub const fn finished(&self) -> usize {
        self.finished
    }

    /// Calls turned away since draining began.
    #[must_use]
    pub const fn refused(&self) -> usize {
        self.refused
    }

    /// Calls that `drain = cancel` dropped half-way.
    #[must_use]
    pub const fn cancelled(&self) -> usize {
        self.cancelled
    }

    /// Calls that were still running when the drain's time was up.
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

    /// How many of the abandoned calls ended by themselves later, while hooks ran.
    #[must_use]
    pub const fn finished_late(&self) -> usize {
        self.finished_late
    }

    /// Whether the drain had nothing to do with the site.
    pub(crate) const fn is_empty(&self) -> bool {
        self.at_start + self.finished + self.refused + self.cancelled + self.abandoned == 0
    }

    #[cfg(test)]
    pub(crate) const fn for_tests(name: &'static str, count: usize, oldest: Duration) -> Self {
        Self {
            name,
            location: SourceLocation::new("src/orders.rs", 1),
            at_start: count,
            finished: count,
            refused: count,
            cancelled: count,
            abandoned: count,
            oldest_abandoned: Some(oldest),
            finished_late: count,
        }
    }
}
