//! A service that sets in code what a plan is measured by; `DRAIN` is its drain timeout.

use std::{env, time::Duration};

use lifecycle::{Config, Signal, on_shutdown};

#[on_shutdown(timeout = "1s")]
async fn flush() {}

/// Its timeout is that of the configuration.
#[on_shutdown(after = [flush])]
async fn close() {}

fn config() -> Config {
    let drain = env::var("DRAIN").ok().and_then(|seconds| seconds.parse().ok());
    Config::new()
        .grace_period(Duration::from_secs(9))
        .shutdown_delay(Duration::from_millis(500))
        .drain_timeout(Duration::from_secs(drain.expect("seconds")))
        .hook_timeout(Duration::from_millis(1_500))
        .reserve(Duration::from_millis(250))
        .signals([Signal::Quit])
        .admin("/nowhere/admin.sock")
}

#[lifecycle::main(config = config())]
async fn main() {
    panic!("it is only asked");
}
