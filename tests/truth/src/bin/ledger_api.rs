//! A service that writes to the ledger, and has a hook of its own before the ledger's.

use lifecycle::{Config, Platform, on_shutdown};
use lifecycle_truth_tests::{log, say};

#[on_shutdown(timeout = "1s", before = [ledger::close])]
async fn post_totals(ledger: &ledger::Ledger) {
    say(format!("totals of {}", ledger.name()));
}

fn config() -> Config {
    Config::new().platform(Platform::Unknown)
}

#[lifecycle::main(config = config())]
async fn main() {
    log();
    ledger::open("orders");
    let draining = lifecycle::draining();
    say("up");
    draining.await;
    say("main returns");
}
