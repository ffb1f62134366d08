//! What becomes of the jobs that consumers receive, as they count it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Counts of the jobs of one consumer and class, from the start of the process.
#[derive(Debug, Default)]
pub struct JobCounts {
    /// Which numbers the consumers of this name have that there are now: a bit each.
    pub consumers: AtomicU64,
    /// Handed out by the broker.
    pub received: AtomicU64,
    /// Done, and acknowledged.
    pub done: AtomicU64,
    /// Their handler failed or panicked.
    pub failed: AtomicU64,
    /// Given back to the broker, not done.
    pub given_back: AtomicU64,
    /// Dropped without a word to the broker, which delivers them again when their lease ends.
    pub abandoned: AtomicU64,
    /// Done, or not, and the broker could not be told: it delivers them again.
    pub untold: AtomicU64,
}

/// What has become of the jobs of one consumer and class.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobStatus {
    /// The name of the consumer.
    pub consumer: String,
    /// The class; empty for jobs without one.
    pub class: String,
    /// Handed out by the broker.
    pub received: u64,
    /// Done, and acknowledged.
    pub done: u64,
    /// Their handler failed or panicked.
    pub failed: u64,
    /// Given back to the broker, not done.
    pub given_back: u64,
    /// Dropped without a word to the broker, which delivers them again when their lease ends.
    pub abandoned: u64,
    /// Done, or not, and the broker could not be told: it delivers them again.
    pub untold: u64,
}

impl JobStatus {
    /// What has become of those that are not in hand any more, and of how many, in a word each.
    #[must_use]
    pub const fn ended(&self) -> [(&'static str, u64); 5] {
        [
            ("done", self.done),
            ("failed", self.failed),
            ("given_back", self.given_back),
            ("abandoned", self.abandoned),
            ("untold", self.untold),
        ]
    }

    /// Received, and nothing has become of them yet.
    #[must_use]
    pub fn in_hand(&self) -> u64 {
        let ended: u64 = self.ended().iter().map(|(_, count)| count).sum();
        self.received.saturating_sub(ended)
    }
}

/// Those of a lifecycle.
#[derive(Default)]
pub(crate) struct Jobs(Mutex<Vec<(String, String, Arc<JobCounts>)>>);

impl Jobs {
    pub(crate) fn counts(&self, consumer: &str, class: &str) -> Arc<JobCounts> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = all.iter();
        if let Some((.., counts)) = known.find(|(c, k, _)| c == consumer && k == class) {
            return Arc::clone(counts);
        }
        let counts = Arc::default();
        all.push((consumer.to_owned(), class.to_owned(), Arc::clone(&counts)));
        counts
    }

    pub(super) fn status(&self) -> Vec<JobStatus> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(consumer, class, counts)| counts.status(consumer, class)).collect()
    }
}

impl JobCounts {
    /// As they are now.
    fn status(&self, consumer: &str, class: &str) -> JobStatus {
        // What became of a job is counted after it was received: read first, it is never more.
        let now = |count: &AtomicU64| count.load(Ordering::Acquire);
        let [done, failed] = [now(&self.done), now(&self.failed)];
        let [given_back, abandoned] = [now(&self.given_back), now(&self.abandoned)];
        let untold = now(&self.untold);
        JobStatus {
            consumer: consumer.to_owned(),
            class: class.to_owned(),
            received: now(&self.received),
            done,
            failed,
            given_back,
            abandoned,
            untold,
        }
    }
}
