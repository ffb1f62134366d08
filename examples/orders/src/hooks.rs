//! What is done at the end. The order follows from who borrows the pool and who takes it; telemetry
//! comes after all of them by its number.

use lifecycle::on_shutdown;
use sqlx::AnyPool;

use crate::{dispatcher::BATCH, store, telemetry::Telemetry};

/// Dispatches what was placed after the dispatcher had stopped fetching.
///
/// # Errors
///
/// When the database fails; what is left then stays in the outbox for the next start.
#[on_shutdown(timeout = "2s")]
pub async fn flush_outbox(pool: &AnyPool, telemetry: &Telemetry) -> Result<(), sqlx::Error> {
    loop {
        let orders = store::waiting(pool, BATCH).await?;
        if orders.is_empty() {
            return Ok(());
        }
        telemetry.count_dispatched(store::dispatch(pool, &orders).await?);
    }
}

/// Takes the pool, so it runs after all who borrow it.
#[on_shutdown(timeout = "1s")]
pub async fn close_pool(pool: AnyPool) {
    pool.close().await;
}

/// Last, so that what the other hooks did is counted.
#[on_shutdown(order = 100, timeout = "500ms")]
pub async fn flush_telemetry(telemetry: &Telemetry) {
    telemetry.flush();
}
