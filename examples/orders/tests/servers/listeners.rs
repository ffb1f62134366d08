//! The shapes in which a server is run, all in one process, for the test of that name: two
//! listeners in a `JoinSet`, one served in main, one built before `run`. Nothing is tracked: it is
//! the servers' `draining()` alone that keeps main alive.

use std::{
    error::Error,
    future::IntoFuture,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::{Router, routing::get};
use lifecycle::Report;
use tokio::{net::TcpListener, runtime::Runtime, task::JoinSet, time};

static IN_PROGRESS: AtomicUsize = AtomicUsize::new(0);

fn main() -> Result<Report, Box<dyn Error>> {
    lifecycle::install();
    Runtime::new()?.block_on(async {
        let built_before_run = server("built before run").await?;
        Ok(lifecycle::run(async move {
            let mut set = JoinSet::new();
            set.spawn(server("first of the set").await?);
            set.spawn(server("second of the set").await?);
            let in_main = server("in main").await?;
            let (one, other) = tokio::join!(built_before_run, in_main);
            one.and(other)?;
            set.join_all().await.into_iter().collect::<Result<(), _>>()
        })
        .await)
    })
}

/// A server that stops when draining begins.
async fn server(
    name: &str,
) -> std::io::Result<impl Future<Output = std::io::Result<()>> + Send + use<>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{name}: {}", listener.local_addr()?);
    let app = Router::new().route("/slow", get(slow)).route("/in-progress", get(in_progress));
    Ok(axum::serve(listener, app).with_graceful_shutdown(lifecycle::draining()).into_future())
}

async fn slow() -> &'static str {
    IN_PROGRESS.fetch_add(1, Ordering::SeqCst);
    // The signal finds it in progress, whenever that comes.
    lifecycle::requested().await;
    time::sleep(Duration::from_millis(500)).await;
    "whole"
}

async fn in_progress() -> String {
    IN_PROGRESS.load(Ordering::SeqCst).to_string()
}
