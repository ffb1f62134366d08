//! What is known of each hook, and when something is to be done about it.

use std::{collections::BTreeSet, time::Duration};

use super::Moment;
use crate::{Outcome, values::HookId};

/// What is known of one hook.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    pub(crate) started: Option<Moment>,
    pub(crate) ended: Option<Moment>,
    /// Its timeout, cut to its share where time was short.
    pub(crate) allotted: Duration,
    /// The predecessor whose end let it start.
    pub(crate) released_by: Option<HookId>,
    pub(super) outcome: Option<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Running {
        until: Moment,
    },
    /// Cancelled, not gone yet.
    Aborting {
        until: Moment,
    },
    /// In its second step.
    Fallback {
        until: Moment,
    },
    /// Cancelled in its second step, not gone yet.
    AbortingFallback {
        until: Moment,
    },
    Stuck,
    Done,
}

impl Progress {
    pub(super) const fn waiting() -> Self {
        Self {
            phase: Phase::Waiting,
            started: None,
            ended: None,
            allotted: Duration::ZERO,
            released_by: None,
            outcome: None,
        }
    }

    /// What became of the hook; what runs now, or was never reached, has not started or not ended in time.
    pub(crate) fn outcome(&self) -> Outcome {
        match (&self.outcome, self.phase) {
            (Some(outcome), _) => outcome.clone(),
            (None, Phase::Waiting) => Outcome::NotStarted,
            (None, _) => Outcome::Stuck,
        }
    }

    pub(crate) fn took(&self, now: Moment) -> Duration {
        self.started.map_or(Duration::ZERO, |started| self.ended.unwrap_or(now).since(started))
    }
}

impl Phase {
    pub(super) const fn until(self) -> Option<Moment> {
        match self {
            Self::Running { until }
            | Self::Aborting { until }
            | Self::Fallback { until }
            | Self::AbortingFallback { until } => Some(until),
            Self::Waiting | Self::Stuck | Self::Done => None,
        }
    }
}

/// The hooks that something will be done about, by when: one entry for each hook whose phase has an end.
#[derive(Default)]
pub(super) struct Timers(pub(super) BTreeSet<(Moment, usize)>);

impl Timers {
    pub(super) fn next(&self) -> Option<Moment> {
        self.0.first().map(|(until, _)| *until)
    }

    pub(super) fn pop_due(&mut self, now: Moment) -> Option<usize> {
        self.0.first().filter(|(until, _)| *until <= now)?;
        self.0.pop_first().map(|(_, hook)| hook)
    }
}

impl<'p> FromIterator<(usize, &'p Progress)> for Timers {
    fn from_iter<I: IntoIterator<Item = (usize, &'p Progress)>>(hooks: I) -> Self {
        let timed = hooks.into_iter().filter_map(|(at, hook)| Some((hook.phase.until()?, at)));
        Self(timed.collect())
    }
}
