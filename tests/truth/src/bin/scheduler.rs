//! A scheduler: starts a backup at every tick, up to two at once, and none once it is told to stop.

use std::time::Duration;

use lifecycle::{Config, Platform, Refused, on_shutdown, tracked};
use lifecycle_truth_tests::{log, say, sleep};

struct Catalogue;

#[on_shutdown(timeout = "1s")]
async fn write_catalogue(_catalogue: Catalogue) {
    say("catalogue written");
}

#[tracked]
async fn backup(at: u32) -> Result<u32, Refused> {
    say(format!("began {at}"));
    sleep(150).await;
    Ok(at)
}

fn config() -> Config {
    Config::new().platform(Platform::Unknown)
}

#[lifecycle::main(config = config())]
async fn main() {
    log();
    lifecycle::provide(Catalogue);
    let mut ticks = tokio::time::interval(Duration::from_millis(80));
    let mut at = 0;
    while lifecycle::until_requested(ticks.tick()).await.is_some() {
        at += 1;
        lifecycle::spawn(async move {
            match backup(at).await {
                Ok(at) => say(format!("ended {at}")),
                Err(refused) => say(format!("not begun {at}: {refused}")),
            }
        });
    }
    say("main returns");
}
