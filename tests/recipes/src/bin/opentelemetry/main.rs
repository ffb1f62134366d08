mod exporter;
mod telemetry;

use std::time::Duration;

use lifecycle::{Refused, on_shutdown, plan::PlanError, tracked};
use tracing::instrument;

struct Outbox;
struct Pool;

#[tracked]
#[instrument]
async fn place_order() -> Result<(), Refused> {
    println!("order begun");
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}

#[on_shutdown(timeout = "2s")]
async fn flush_outbox(_outbox: &Outbox, _pool: &Pool) {
    send_messages().await;
}

#[instrument]
async fn send_messages() {}

#[on_shutdown(timeout = "2s")]
fn close_pool(_pool: Pool) {}

#[lifecycle::main]
async fn main() -> Result<(), PlanError> {
    telemetry::install(exporter::SpanLines::new())?;
    lifecycle::provide(Outbox);
    lifecycle::provide(Pool);
    tokio::spawn(place_order());
    lifecycle::draining().await;
    Ok(())
}
