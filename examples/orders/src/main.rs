//! The order service: see the library of this package, and its README.

use std::{
    error::Error,
    future::IntoFuture,
    io::{self, IsTerminal},
    sync::Arc,
};

use orders::{
    config::Config,
    db, dispatcher,
    http::{self, Service},
    sabotage::Sabotage,
    telemetry::Telemetry,
};
use tokio::{net::TcpListener, sync::Notify};
use tracing::info;
use tracing_subscriber::EnvFilter;

#[lifecycle::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colours)
        .init();
    let config = Config::from_env()?;
    let sabotage = Sabotage::from_env()?;

    let telemetry = Arc::new(Telemetry::default());
    lifecycle::provide(Arc::clone(&telemetry));
    let pool = db::connect(&config.database_url)
        .await
        .map_err(|error| format!("DATABASE_URL: that database cannot be used: {error}"))?;
    lifecycle::provide(pool.clone());

    let listener = TcpListener::bind(&config.addr)
        .await
        .map_err(|error| format!("ORDERS_ADDR={}: cannot listen there: {error}", config.addr))?;
    info!("listening on http://{}", listener.local_addr()?);

    let placed = Arc::new(Notify::new());
    if !sabotage.stalled {
        tokio::spawn(dispatcher::run(pool.clone(), Arc::clone(&placed), Arc::clone(&telemetry)));
    }
    sabotage.arm(&pool)?;
    let app = http::app(Service {
        pool,
        placed,
        telemetry,
        work: config.work,
        untracked: sabotage.untracked,
    });
    let server = axum::serve(listener, app);
    if sabotage.deaf {
        lifecycle::until_draining(server.into_future()).await;
    } else {
        server.with_graceful_shutdown(lifecycle::draining()).await?;
    }
    Ok(())
}
