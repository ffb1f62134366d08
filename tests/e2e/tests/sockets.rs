//! Ten thousand WebSockets.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lifecycle_e2e::{App, Listening};
use tokio_tungstenite::{connect_async, tungstenite::Message};

const APP: &str = env!("CARGO_BIN_EXE_e2e-app");
const SOCKETS: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_sockets_are_closed_over_three_seconds() {
    let vars = [
        ("LIFECYCLE_GRACE_PERIOD", "30s"),
        ("SPREAD_MS", "3000"),
        ("LIFECYCLE_SHUTDOWN_DELAY", "0s"),
        ("LIFECYCLE_DRAIN_TIMEOUT", "10s"),
    ];
    let app = App::start_under("ulimit -n 20000", APP, &Listening::Own(0), &vars);
    let before = app.memory();
    let url = format!("ws://{}/socket", app.addr);
    let mut sockets = Vec::with_capacity(SOCKETS);
    for _ in 0..SOCKETS {
        sockets.push(connect_async(&url).await.unwrap().0);
    }
    println!("{} bytes a connection", (app.memory() - before) / SOCKETS as u64);
    let closed = sockets.into_iter().map(|mut socket| {
        tokio::spawn(async move {
            let (mut code, mut at) = (None, None);
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Close(Some(frame)) = message {
                    code = Some(u16::from(frame.code));
                    at = Some(Instant::now());
                }
            }
            (code, at)
        })
    });
    let readers: Vec<_> = closed.collect();
    // All of them read before the first is told.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    app.terminate();
    let mut closed = Vec::with_capacity(SOCKETS);
    for reader in readers {
        closed.push(reader.await.unwrap());
    }
    let ended = tokio::task::spawn_blocking(move || app.ended()).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let told = closed.iter().filter(|(code, _)| *code == Some(1001)).count();
    assert_eq!(told, SOCKETS, "{}", ended.stderr);
    let mut closed: Vec<Duration> =
        closed.into_iter().filter_map(|(_, at)| Some(at? - began)).collect();
    closed.sort_unstable();
    let (early, late) = (closed[SOCKETS / 20], closed[SOCKETS - SOCKETS / 20]);
    println!("p5 {early:?}, p95 {late:?}, last {:?}", closed[SOCKETS - 1]);
    assert!(late - early > Duration::from_millis(2_500), "{early:?} to {late:?}");
}
