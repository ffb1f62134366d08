//! A program that waits for Ctrl-C and tidies up, as the first page of every book has it.

use lifecycle::{Config, Platform, on_shutdown};
use lifecycle_truth_tests::{log, say};

#[on_shutdown]
fn say_goodbye() {
    say("goodbye");
}

fn config() -> Config {
    Config::new().platform(Platform::Unknown)
}

#[lifecycle::main(config = config())]
async fn main() {
    log();
    let draining = lifecycle::draining();
    say("press Ctrl-C");
    draining.await;
    say("main returns");
}
