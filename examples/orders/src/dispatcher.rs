//! Fetches orders from the outbox and dispatches them.

use std::{sync::Arc, time::Duration};

use lifecycle::Site;
use sqlx::AnyPool;
use tokio::{sync::Notify, time};
use tracing::error;

use crate::{store, telemetry::Telemetry};

/// How many orders one transaction dispatches.
pub(crate) const BATCH: i64 = 64;

/// How often the outbox is looked at when nothing was placed here: another replica may have left
/// something.
const POLL: Duration = Duration::from_secs(1);

static DISPATCH: Site = Site::new("dispatch");

/// Dispatches until the service drains. What is placed after that is left to `flush_outbox`.
pub async fn run(pool: AnyPool, placed: Arc<Notify>, telemetry: Arc<Telemetry>) {
    while let Some((orders, guard)) = DISPATCH.pull(next(&pool, &placed)).await {
        match guard.scope(store::dispatch(&pool, &orders)).await {
            Ok(count) => telemetry.count_dispatched(count),
            Err(error) => complain(&error).await,
        }
    }
}

/// The orders that are to be dispatched next. It only looks, so it may be dropped at any time.
async fn next(pool: &AnyPool, placed: &Notify) -> Vec<i64> {
    loop {
        match store::waiting(pool, BATCH).await {
            Ok(orders) if !orders.is_empty() => return orders,
            Ok(_) => {
                let _ = time::timeout(POLL, placed.notified()).await;
            }
            Err(error) => complain(&error).await,
        }
    }
}

/// The orders stay in the outbox, so all there is to do is to try again, and not at once.
async fn complain(error: &sqlx::Error) {
    error!("nothing was dispatched, trying again in {POLL:?}: {error}");
    time::sleep(POLL).await;
}
