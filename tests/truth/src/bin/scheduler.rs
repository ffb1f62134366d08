//! A scheduler: starts a backup at every tick, up to two at once, and none once it is told to stop.

use std::time::Duration;

use lifecycle::{Config, Platform, Site, on_shutdown};
use lifecycle_truth_tests::{log, say, sleep};

struct Catalogue;

#[on_shutdown(timeout = "1s")]
async fn write_catalogue(_catalogue: Catalogue) {
    say("catalogue written");
}

static BACKUPS: Site = Site::new("backups");

async fn backup(at: u32) {
    sleep(150).await;
    say(format!("ended {at}"));
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
        // Admitted before it is spawned: its first poll may come when it is too late.
        let Ok(guard) = BACKUPS.admit() else { break };
        at += 1;
        say(format!("began {at}"));
        tokio::spawn(guard.scope(backup(at)));
    }
    say("main returns");
}
