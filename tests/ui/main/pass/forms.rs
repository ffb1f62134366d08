//! Every form of `main` is clean.
#![deny(warnings, missing_docs, unreachable_pub)]

use std::{fmt, io};

mod never {
    #[lifecycle::main(flavor = "current_thread")]
    pub(super) async fn main() -> ! {
        std::process::exit(0)
    }
}

mod job {
    #[lifecycle::main(job, worker_threads = 2, start_paused = false)]
    pub(super) async fn run() -> Result<(), std::io::Error> {
        Ok(())
    }
}

mod configured {
    fn config() -> lifecycle::Config {
        lifecycle::Config::new()
    }

    #[lifecycle::main(config = config(), crate = lifecycle)]
    #[tracing::instrument]
    pub(super) async fn main() -> Result<(), String> {
        Err("no".to_owned())
    }
}

/// Public.
pub mod public {
    /// Documented.
    #[lifecycle::main]
    pub async fn start() {}
}

#[allow(dead_code)]
fn all() -> [fn() -> lifecycle::__private::MainExit; 4] {
    [never::main, job::run, configured::main, public::start]
}

#[derive(Debug)]
struct AppError;

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl From<io::Error> for AppError {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// Documented.
#[lifecycle::main]
async fn main() -> Result<(), AppError> {
    #![allow(unused_variables)]
    let unused = 1;
    tokio::task::yield_now().await;
    Ok(())
}
