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
use tokio::{
    net::TcpListener,
    sync::{Notify, broadcast},
};
use tracing::info;
use tracing_subscriber::EnvFilter;

type BoxError = Box<dyn Error + Send + Sync>;

#[lifecycle::main(config = orders::config::lifecycle())]
async fn main() -> Result<(), BoxError> {
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

    let listener = listen(&config.addr)
        .await
        .map_err(|error| format!("ORDERS_ADDR={}: cannot listen there: {error}", config.addr))?;

    let placed = Arc::new(Notify::new());
    if !sabotage.stalled {
        tokio::spawn(dispatcher::run(pool.clone(), Arc::clone(&placed), Arc::clone(&telemetry)));
    }
    sabotage.arm(&pool)?;
    // Whether this replica can do its work: traffic goes elsewhere while it cannot.
    let checked = pool.clone();
    lifecycle::check("database", move || db::check(checked.clone()));
    let service = Service {
        pool,
        placed,
        feed: broadcast::Sender::new(1024),
        telemetry,
        work: config.work,
        untracked: sabotage.untracked,
    };
    if sabotage.deaf {
        info!("listening on http://{}", listener.local_addr()?);
        let server = axum::serve(listener, http::app(service));
        lifecycle::until_draining(server.into_future()).await;
        return Ok(());
    }
    serve(&config, listener, service).await
}

/// The socket that systemd holds, or one of our own.
async fn listen(addr: &str) -> io::Result<TcpListener> {
    #[cfg(feature = "systemd")]
    return lifecycle::listener("http", addr).await;
    #[cfg(not(feature = "systemd"))]
    TcpListener::bind(addr).await
}

/// Until the drain is over, over whatever is configured.
async fn serve(config: &Config, listener: TcpListener, service: Service) -> Result<(), BoxError> {
    #[cfg(feature = "grpc")]
    let grpc = orders::grpc::serve(config.grpc_addr.clone(), service.clone());
    #[cfg(not(feature = "grpc"))]
    let grpc = async { Ok::<_, BoxError>(()) };
    let http = async {
        let addr = listener.local_addr()?;
        #[cfg(feature = "tls")]
        if let Some((certificate, key)) = &config.tls {
            let listener = orders::tls::listener(listener, certificate, key)?;
            info!("listening on https://{addr}");
            return Ok(lifecycle::http::serve(listener, http::app(service)).await?);
        }
        #[cfg(not(feature = "tls"))]
        let _ = config;
        info!("listening on http://{addr}");
        Ok(lifecycle::http::serve(listener, http::app(service)).await?)
    };
    tokio::try_join!(http, grpc)?;
    Ok(())
}
