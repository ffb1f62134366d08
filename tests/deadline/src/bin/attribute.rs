//! `#[lifecycle::main]` that leaves threads behind:
//! `deadline-attribute <current_thread|workers> [obedient]`.

use std::process::{ExitCode, Termination};

use lifecycle::{Config, Plan, Platform};

fn config() -> Config {
    Config::new().platform(Platform::Unknown).plan(Plan::declared().only::<()>())
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
    if !std::env::args().any(|arg| arg == "obedient") {
        tokio::task::spawn_blocking(|| {
            loop {
                std::thread::park();
            }
        });
    }
    let draining = lifecycle::draining();
    println!("up");
    draining.await;
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("current_thread") {
        current_thread().report()
    } else {
        workers().report()
    }
}
