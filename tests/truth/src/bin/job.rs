//! A job that imports rows: `truth-job [--help | loop | break | whole | ask | quiet-end]`.

use std::{io::Write, time::Duration};

use lifecycle::{Config, Platform, Refused, on_shutdown, tracked};
use lifecycle_truth_tests::{flag, log, say, sleep};

/// Where the next run goes on.
struct Checkpoint;

/// There is none where the job only said how it is used.
#[on_shutdown(timeout = "1s")]
async fn save(checkpoint: Option<&Checkpoint>) {
    if checkpoint.is_some() {
        say("checkpoint saved");
    }
}

/// Removes the working copy.
struct Scratch;

impl Drop for Scratch {
    fn drop(&mut self) {
        say("scratch removed");
    }
}

#[tracked]
async fn row(at: u32) -> Result<u32, Refused> {
    sleep(30).await;
    Ok(at)
}

/// The whole of it is one piece of work, which a stop does not cut.
#[tracked]
async fn import() -> Result<(), Refused> {
    say("up");
    sleep(300).await;
    Ok(())
}

fn config() -> Config {
    Config::new().platform(Platform::Unknown).drain_timeout(Duration::from_secs(3))
}

#[lifecycle::main(job, config = config())]
async fn main() -> Result<(), Refused> {
    log();
    if flag("--help") {
        say("imports rows");
        return Ok(());
    }
    lifecycle::provide(Checkpoint);
    let _scratch = Scratch;
    if flag("whole") {
        return import().await;
    }
    say("up");
    for at in 1..1_000 {
        if flag("break") {
            // A row that is turned away is where this run ends.
            if row(at).await.is_err() {
                break;
            }
        } else if lifecycle::until_draining(sleep(30)).await.is_none() {
            break;
        }
        if flag("ask") && at == 3 {
            lifecycle::shutdown("enough for today");
        }
    }
    if flag("completed") {
        lifecycle::completed();
    }
    print!("last words");
    let _ = std::io::stdout().lock().flush();
    print!(" and more");
    Ok(())
}
