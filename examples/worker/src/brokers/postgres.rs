//! A table of PostgreSQL.

use std::sync::Arc;

use lifecycle::{on_shutdown, work::postgres};
use sqlx::{PgPool, postgres::PgPoolOptions};

use super::QUEUE;
use crate::{
    BoxError,
    config::Config,
    queue::{Queue, Task},
};

pub(super) async fn open(url: &str, config: &Config) -> Result<Arc<postgres::Queue>, BoxError> {
    let pool = PgPoolOptions::new().max_connections(8).connect(url).await?;
    lifecycle::provide(pool.clone());
    let queue = postgres::Queue::new(pool, QUEUE).lease(config.lease);
    queue.create_table().await?;
    Ok(Arc::new(queue))
}

impl Queue for Arc<postgres::Queue> {
    type Source = Self;

    fn source(&self) -> Self {
        Self::clone(self)
    }

    async fn enqueue(&self, tasks: &[Task]) -> Result<(), BoxError> {
        for task in tasks {
            postgres::Queue::enqueue(self, &task.kind, serde_json::to_vec(task)?).await?;
        }
        Ok(())
    }

    fn task(job: &postgres::Job) -> Result<Task, BoxError> {
        Ok(serde_json::from_slice(&job.payload)?)
    }
}

#[on_shutdown(timeout = "1s", if_provided)]
async fn close_queue(pool: PgPool) {
    pool.close().await;
}
