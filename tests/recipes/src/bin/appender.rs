use std::time::Duration;

use lifecycle::{Refused, on_shutdown, tracked};
use tracing::info;

struct Outbox;
struct Pool;

#[tracked]
async fn place_order() -> Result<(), Refused> {
    info!("order begun");
    tokio::time::sleep(Duration::from_millis(500)).await;
    info!("order placed");
    Ok(())
}

#[on_shutdown(timeout = "2s")]
async fn flush_outbox(_outbox: &Outbox, _pool: &Pool) {
    info!("outbox flushed");
}

#[on_shutdown(timeout = "2s")]
fn close_pool(_pool: Pool) {
    info!("pool closed");
}

#[lifecycle::main]
async fn main() {
    let directory = std::env::var("LOG_DIRECTORY").unwrap_or_else(|_| "logs".to_owned());
    let file = tracing_appender::rolling::never(directory, "orders.log");
    let (writer, guard) = tracing_appender::non_blocking(file);
    tracing_subscriber::fmt().with_writer(writer).with_ansi(false).init();
    lifecycle::keep_until_exit(guard);

    lifecycle::provide(Outbox);
    lifecycle::provide(Pool);
    tokio::spawn(place_order());
    lifecycle::draining().await;
}
