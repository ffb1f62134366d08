//! The figures of a run.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{
    mark::Stage,
    oracle::End,
    round::{GRACE, Life},
};

/// What came of one round.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its kind.
    pub life: Life,
    /// Where it was at the first signal; `None` before it could hear any.
    pub stage: Option<Stage>,
    /// How it ended.
    pub end: End,
    /// From the first signal to its end.
    pub gone_after: Duration,
    /// How many endings were right.
    pub right: usize,
    /// How many of its signals made the library climb or exit.
    pub rungs: usize,
}

/// All of them.
#[derive(Debug)]
pub struct Tally {
    outcomes: Vec<Outcome>,
    took: Duration,
    wrong: usize,
}

impl Tally {
    /// Of `outcomes`, which took so long together, beside those that were wrong.
    #[must_use]
    pub const fn new(outcomes: Vec<Outcome>, took: Duration, wrong: usize) -> Self {
        Self { outcomes, took, wrong }
    }

    /// The share of rounds that ended with 0.
    #[must_use]
    pub fn clean(&self) -> f64 {
        self.share(|outcome| outcome.end == End::Code(0))
    }

    /// The share of rounds in which more than one ending was right.
    #[must_use]
    pub fn ambiguous(&self) -> f64 {
        self.share(|outcome| outcome.right > 1)
    }

    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    fn share(&self, is: impl Fn(&Outcome) -> bool) -> f64 {
        self.outcomes.iter().filter(|outcome| is(outcome)).count() as f64
            / self.outcomes.len().max(1) as f64
    }

    fn by<K: Ord>(&self, key: impl Fn(&Outcome) -> K) -> BTreeMap<K, usize> {
        let mut counts = BTreeMap::new();
        for outcome in &self.outcomes {
            *counts.entry(key(outcome)).or_default() += 1;
        }
        counts
    }

    /// The times to gone of those that `is` picks, at these percentiles.
    fn times(&self, is: impl Fn(&Outcome) -> bool) -> String {
        let picked = self.outcomes.iter().filter(|outcome| is(outcome));
        let mut times: Vec<_> = picked.map(|outcome| outcome.gone_after).collect();
        times.sort();
        let Some(max) = times.last() else { return "none".to_owned() };
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        format!("p50 {:.1?}, p99 {:.1?}, max {max:.1?}", at(50), at(99))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.outcomes.len();
        let per_second =
            f64::from(u32::try_from(rounds).unwrap_or(u32::MAX)) / self.took.as_secs_f64();
        writeln!(
            f,
            "  {rounds} rounds in {:.1?}, {per_second:.1} a second; wrong: {}",
            self.took, self.wrong
        )?;
        writeln!(
            f,
            "  clean: {:.2} %; ambiguous: {:.2} %",
            self.clean() * 100.0,
            self.ambiguous() * 100.0
        )?;
        writeln!(f, "  by ending: {:?}", self.by(|outcome| outcome.end))?;
        writeln!(f, "  by kind of life: {:?}", self.by(|outcome| outcome.life))?;
        writeln!(
            f,
            "  by state at the first signal (None: before any is heard): {:?}",
            self.by(|o| o.stage)
        )?;
        writeln!(f, "  by rungs climbed after the first: {:?}", self.by(|outcome| outcome.rungs))?;
        writeln!(
            f,
            "  gone after, all but long lives: {}",
            self.times(|outcome| outcome.life != Life::Long)
        )?;
        write!(
            f,
            "  gone after, long lives: {} (grace period {GRACE:?})",
            self.times(|o| o.life == Life::Long)
        )
    }
}
