//! A hello world to be counted by callgrind: `e2e-hello axum|layer|track|serve|serve-track`. It prints its
//! address, and ends when its standard input does.

use std::{future::IntoFuture, io::Read};

use axum::{Router, routing::get};
use lifecycle::http::{serve, track};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let variant = std::env::args().nth(1).unwrap_or_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("its address"));
    let app = Router::new().route("/", get(|| async { "hello" }));
    let app = match variant.rsplit('-').next() {
        Some("layer") => app.layer(tower::layer::util::Identity::new()),
        Some("track") => app.layer(track()),
        _ => app,
    };
    if variant.starts_with("serve") {
        tokio::spawn(serve(listener, app).into_future());
    } else {
        tokio::spawn(axum::serve(listener, app).into_future());
    }
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = end.await;
    std::process::exit(0);
}
