use std::ops::Range;

use crate::Ledger;

/// What a ledger says of the jobs of these numbers.
#[derive(Debug)]
pub(super) struct Audit {
    /// Those whose handler never came to its end.
    pub(super) unfinished: Vec<usize>,
    /// Those that were begun more than once.
    pub(super) repeated: Vec<usize>,
    /// How many had their effect.
    pub(super) effects: usize,
}

impl Audit {
    pub(super) fn of(ledger: &Ledger, jobs: Range<usize>) -> Self {
        let (begun, ended) = (ledger.count("begin"), ledger.count("end"));
        let count = |counts: &std::collections::HashMap<String, usize>, job: usize| {
            counts.get(&job.to_string()).copied().unwrap_or(0)
        };
        Self {
            unfinished: jobs.clone().filter(|job| count(&ended, *job) == 0).collect(),
            repeated: jobs.filter(|job| count(&begun, *job) > 1).collect(),
            effects: ledger.effects(),
        }
    }
}
