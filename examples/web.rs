//! A web service in one file that no restart costs a request.
//!
//! `cargo run --example web --features axum,http`, then in other terminals
//! `curl localhost:8080/slow`, `curl -N localhost:8080/ticks` and `curl localhost:9090/readyz?verbose`;
//! then Ctrl-C. The slow request is answered, the stream ends whole, and a timeline shows where the
//! time went.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    response::sse::{Event, Sse},
    routing::get,
};
use lifecycle::http::{serve, track};
use tokio::{net::TcpListener, time::sleep};

async fn slow() -> &'static str {
    sleep(Duration::from_secs(3)).await;
    "not cut\n"
}

/// Endless; it ends when draining begins.
async fn ticks() -> Sse<impl futures_core::Stream<Item = Result<Event, Infallible>>> {
    Sse::new(futures_util::stream::unfold(0_u32, |tick| async move {
        sleep(Duration::from_millis(500)).await;
        Some((Ok(Event::default().data(tick.to_string())), tick + 1))
    }))
}

// Probes on a port of their own.
#[lifecycle::main(config = lifecycle::Config::new().health(([127, 0, 0, 1], 9090)))]
async fn main() -> std::io::Result<()> {
    let app = Router::new().route("/slow", get(slow)).route("/ticks", get(ticks)).layer(track());
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://127.0.0.1:8080/slow and /ticks; press Ctrl-C");
    serve(listener, app).await
}
