//! So many requests to a hello world, one after the other on one connection: to be counted by
//! callgrind. `e2e-hello axum|track|serve|serve-track 1000`.

use std::future::IntoFuture;

use axum::{Router, routing::get};
use lifecycle::http::{serve, track};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: e2e\r\n\r\n";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1);
    let variant = args.next().unwrap_or_default();
    let requests: u64 = args.next().and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("its address");
    let app = Router::new().route("/", get(|| async { "hello" }));
    let app = if variant.ends_with("track") { app.layer(track()) } else { app };
    if variant.starts_with("serve") {
        tokio::spawn(serve(listener, app).into_future());
    } else {
        tokio::spawn(axum::serve(listener, app).into_future());
    }
    let mut client = TcpStream::connect(addr).await.expect("a connection");
    let mut answer = [0; 1024];
    let began = std::time::Instant::now();
    for _ in 0..requests {
        client.write_all(REQUEST).await.expect("it is sent");
        let read = client.read(&mut answer).await.expect("an answer");
        assert!(answer[..read].ends_with(b"hello"));
    }
    println!("{:.0} requests a second", requests as f64 / began.elapsed().as_secs_f64());
}
