//! Enqueues a sweep at every tick of the clock.

use std::time::Duration;

use lifecycle::{tracked, until_requested};
use serde_json::json;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::{
    BoxError,
    db::{millis, now},
    queue::{Queue, Task},
};

/// Until a stop is asked for. All workers have the same ticks, and the task of a tick has its key:
/// many of them enqueue it once.
pub async fn run<Q: Queue>(queue: Q, every: Duration) {
    let every = millis(every);
    loop {
        let tick = now() / every + 1;
        let wait = u64::try_from(tick * every - now()).unwrap_or_default();
        if until_requested(sleep(Duration::from_millis(wait))).await.is_none() {
            return;
        }
        if let Err(error) = enqueue(&queue, tick).await {
            warn!("tick {tick} was not enqueued: {error}");
        }
    }
}

/// One that has begun when a stop is asked for is enqueued before the queue is closed.
#[tracked]
async fn enqueue<Q: Queue>(queue: &Q, tick: i64) -> Result<(), BoxError> {
    let task = Task { kind: "sweep".to_owned(), key: format!("sweep-{tick}"), payload: json!({}) };
    queue.enqueue(&[task]).await?;
    info!("tick {tick}");
    Ok(())
}
