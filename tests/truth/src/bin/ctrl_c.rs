//! A program that waits for Ctrl-C and tidies up, as the first page of every book has it:
//! `truth-ctrl-c [bare]`. `bare`: its main does not wait for the milestone, and goes on for ever.

use lifecycle::{Config, Platform, on_shutdown};
use lifecycle_truth_tests::{flag, log, say};

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
    if flag("bare") {
        lifecycle::ready();
        say("up");
        std::future::pending::<()>().await;
    }
    let draining = lifecycle::draining();
    say("press Ctrl-C");
    draining.await;
    say("main returns");
}
