//! A worker of a queue: what it received is handled, and what it handled is acknowledged.

use std::time::Duration;

use lifecycle::{Config, Platform, Site, on_shutdown};
use lifecycle_truth_tests::{log, say, sleep};
use tokio::sync::mpsc;

static JOBS: Site = Site::new("jobs");

/// The connection to the broker.
struct Broker;

#[on_shutdown(timeout = "1s")]
async fn disconnect(_broker: Broker) {
    say("disconnected");
}

async fn handle(job: u32) {
    say(format!("began {job}"));
    sleep(200).await;
    say(format!("acknowledged {job}"));
}

fn config() -> Config {
    Config::new().platform(Platform::Unknown).drain_timeout(Duration::from_secs(5))
}

#[lifecycle::main(config = config())]
async fn main() {
    log();
    lifecycle::provide(Broker);
    let (deliver, mut queue) = mpsc::channel(1);
    tokio::spawn(async move {
        for job in 1.. {
            if deliver.send(job).await.is_err() {
                break;
            }
        }
    });
    while let Some((Some(job), guard)) = JOBS.pull(queue.recv()).await {
        guard.scope(handle(job)).await;
    }
    say("main returns");
}
