//! `#[lifecycle::main]` with a configuration and otherwise as it comes: touches the file that
//! `TOUCH` names, and is up until it is stopped. A hook goes to the folder `GO_TO`, where there is
//! one.

use std::{path::PathBuf, time::Duration};

use lifecycle::{Config, Platform, on_shutdown};

/// Where this program leaves a trace.
struct Trace(PathBuf);

#[on_shutdown(timeout = "3s")]
async fn tidy(trace: &Trace) -> Result<(), std::io::Error> {
    println!("hook: tidy");
    if let Some(folder) = std::env::var_os("GO_TO") {
        std::env::set_current_dir(folder)?;
    }
    std::fs::write(&trace.0, "tidied")
}

#[on_shutdown(timeout = "2s")]
async fn close(_trace: Trace) {
    println!("hook: close");
}

fn config() -> Config {
    Config::new().platform(Platform::Unknown).drain_timeout(Duration::from_secs(4))
}

#[lifecycle::main(config = config())]
async fn main() -> Result<(), std::io::Error> {
    let path = PathBuf::from(std::env::var_os("TOUCH").unwrap_or_default());
    std::fs::write(&path, "touched")?;
    lifecycle::provide(Trace(path));
    let draining = lifecycle::draining();
    println!("up");
    draining.await;
    println!("main returns");
    Ok(())
}
