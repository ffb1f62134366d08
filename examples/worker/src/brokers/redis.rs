//! A stream of Redis.

use std::sync::Arc;

use lifecycle::work::redis;

use super::QUEUE;
use crate::{
    BoxError,
    config::Config,
    queue::{Queue, Task},
};

pub(super) fn open(url: &str, config: &Config) -> Result<Arc<redis::Queue>, BoxError> {
    let client = ::redis::Client::open(url)?;
    Ok(Arc::new(redis::Queue::new(client, QUEUE).lease(config.lease)))
}

impl Queue for Arc<redis::Queue> {
    type Source = Self;

    fn source(&self) -> Self {
        Self::clone(self)
    }

    async fn enqueue(&self, tasks: &[Task]) -> Result<(), BoxError> {
        for task in tasks {
            redis::Queue::enqueue(self, &task.kind, serde_json::to_vec(task)?).await?;
        }
        Ok(())
    }

    fn task(job: &redis::Job) -> Result<Task, BoxError> {
        Ok(serde_json::from_slice(&job.payload)?)
    }
}
