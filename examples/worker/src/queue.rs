//! What is enqueued, and what a queue has to do beside handing it out.

use std::future::Future;

use lifecycle::work::Source;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::BoxError;

/// Something to do.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Task {
    /// One of [`jobs::KINDS`](crate::jobs::KINDS).
    pub kind: String,
    /// Two tasks of one key are one: their effect is there once.
    #[serde(default = "random_key")]
    pub key: String,
    /// What the kind needs to know.
    #[serde(default)]
    pub payload: Value,
}

fn random_key() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// A queue of tasks. A clone is the same queue.
pub trait Queue: Clone + Send + Sync + 'static {
    /// What a consumer takes from.
    type Source: Source;

    /// The end that hands out.
    fn source(&self) -> Self::Source;

    /// Adds tasks. When it completes they outlive the process and the machine. When it fails, some
    /// of them may have been added: to do it again adds none twice, by their keys.
    fn enqueue(&self, tasks: &[Task]) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// What a job is about.
    ///
    /// # Errors
    ///
    /// When somebody else has put into the queue what is no task.
    fn task(job: &<Self::Source as Source>::Job) -> Result<Task, BoxError>;
}
