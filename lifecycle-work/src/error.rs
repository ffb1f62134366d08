use std::error::Error;

/// Why a queue did not do what it was asked. Nothing was acknowledged that the broker does not know
/// of.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The job is no longer with this worker. Nothing was changed.
    #[error(
        "job {job} of the queue `{queue}` is no longer with this worker: its lease ran out, and \
         another may have it. Nothing was changed; make the lease longer where this happens often"
    )]
    LeaseLost {
        /// What the queue is called.
        queue: String,
        /// Which job it was.
        job: String,
    },
    /// The broker did not do it, or its answer was lost.
    #[error("the queue `{queue}` cannot {verb}: {source}. {advice}")]
    Broker {
        /// What the queue is called.
        queue: String,
        /// What was asked, as "acknowledge job 17".
        verb: String,
        /// What to do next, as a sentence.
        advice: &'static str,
        /// What the client says.
        source: Box<dyn Error + Send + Sync>,
    },
}
