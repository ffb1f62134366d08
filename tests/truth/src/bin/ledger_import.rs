//! A job over the same library that opens the ledger, and no journal.

use lifecycle::{Config, Platform, Refused};
use lifecycle_truth_tests::{log, say, sleep};

fn config() -> Config {
    Config::new().platform(Platform::Unknown)
}

#[lifecycle::main(job, config = config())]
async fn main() -> Result<(), Refused> {
    log();
    ledger::open("import");
    say("up");
    for entry in 1..=5 {
        ledger::enter(entry, sleep(60)).await?;
        say(format!("entered {entry}"));
    }
    Ok(())
}
