//! `#[lifecycle::main]` where there is too little to start: `attack-attribute <runtime> [install]`.

use std::process::{ExitCode, Termination};

use lifecycle::{Config, Plan, Platform, on_shutdown};
use lifecycle_attack_tests::os;

fn config() -> Config {
    Config::new().platform(Platform::Unknown).plan(Plan::declared().only::<note>())
}

#[on_shutdown(timeout = "500ms")]
async fn note() {
    os::say("hook: note");
}

#[lifecycle::main(flavor = "current_thread", config = config())]
async fn current_thread() {
    serve().await;
}

#[lifecycle::main(worker_threads = 2, config = config())]
async fn workers() {
    serve().await;
}

async fn serve() {
    let draining = lifecycle::draining();
    os::say("up");
    draining.await;
}

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("current_thread") => current_thread().report(),
        Some("install") => {
            config().install();
            os::say("up");
            os::block()
        }
        _ => workers().report(),
    }
}
