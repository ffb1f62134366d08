//! A small service that says what it does: `storm-service startup=5 call=3 hook=2 last=2 [life=30]
//! [linger=300]`, all in milliseconds. It takes a stop at any moment, or ends by itself after
//! `life`, and with `linger` something holds it that long after its report.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use lifecycle::{Config, Refused, State, on_shutdown, tracked};
use lifecycle_storm_tests::{mark::say, voice};

/// What the hooks find, once start-up is through.
struct Store;

fn argument(name: &str) -> Option<Duration> {
    let value = std::env::args()
        .find_map(|arg| Some(arg.strip_prefix(name)?.strip_prefix('=')?.to_owned()))?;
    let millis =
        value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number of milliseconds"));
    Some(Duration::from_millis(millis))
}

async fn take(name: &str) {
    tokio::time::sleep(argument(name).unwrap_or_default()).await;
}

/// Evaluated before anything else, so before signals are heard.
fn config() -> Config {
    voice::raise();
    say("up");
    Config::new()
}

#[tracked]
async fn start_up() -> Result<(), Refused> {
    take("startup").await;
    Ok(())
}

#[tracked]
async fn work(call: u32) -> Result<(), Refused> {
    say(&format!("began {call}"));
    take("call").await;
    say(&format!("done {call}"));
    Ok(())
}

#[on_shutdown(timeout = "1s")]
async fn flush(_store: &Store) {
    say("hook-began");
    take("hook").await;
}

#[on_shutdown(timeout = "1s")]
fn close(_store: Store) {
    thread::sleep(argument("hook").unwrap_or_default());
}

#[on_shutdown(timeout = "2s", order = 10)]
async fn last() {
    say("hook-began");
    take("last").await;
    say("hooks-over");
}

async fn serve() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    loop {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        if work(call).await.is_err() {
            return;
        }
        say(&format!("answered {call}"));
        tokio::time::sleep(Duration::from_micros(700)).await;
    }
}

#[lifecycle::main(worker_threads = 2, config = config())]
async fn main() -> Result<(), Refused> {
    say("main");
    if let Some(linger) = argument("linger") {
        tokio::task::spawn_blocking(move || {
            while lifecycle::state() < State::Stopped {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(linger);
        });
    }
    start_up().await?;
    lifecycle::provide(Store);
    for _ in 0..2 {
        tokio::spawn(serve());
    }
    let draining = lifecycle::draining();
    match argument("life") {
        Some(life) => {
            let _ = tokio::time::timeout(life, draining).await;
        }
        None => draining.await,
    }
    Ok(())
}
