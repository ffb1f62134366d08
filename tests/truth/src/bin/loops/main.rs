//! Loops that do rounds until they are stopped: `truth-loops <form or place in the documentation>`.
//!
//! Says `began` when a round has its work, and `ended` when that is done.

mod documented;
mod forms;
mod rounds;

use lifecycle::{Config, Platform};
use lifecycle_truth_tests::{log, say};

fn config() -> Config {
    Config::new().platform(Platform::Unknown)
}

#[lifecycle::main(config = config())]
async fn main() {
    log();
    let wanted = std::env::args().nth(1).unwrap_or_default();
    say("up");
    match wanted.as_str() {
        "until-draining" => forms::until_draining_ends_it().await,
        "select" => forms::select_ends_it().await,
        "spawned" => forms::in_a_task_that_main_awaits().await,
        "acknowledged" => forms::acknowledged_after_a_tracked_call().await,
        "state" => forms::looks_at_the_state().await,
        "clean-up" => forms::cleans_up_when_requested().await,
        place => {
            let run = documented::run(place).await;
            run.unwrap_or_else(|error| panic!("the loop at {place} failed: {error}"));
        }
    }
    say("main returns");
}
