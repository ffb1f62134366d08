#![deny(warnings)]

use std::{fmt, io};

mod never {
    #[lifecycle::main(flavor = "current_thread")]
    pub async fn main() -> ! {
        std::process::exit(0)
    }
}

mod job {
    #[lifecycle::main(job, worker_threads = 2, start_paused = false)]
    pub async fn run() -> Result<(), std::io::Error> {
        Ok(())
    }
}

mod configured {
    fn config() -> lifecycle::Config {
        lifecycle::Config::new()
    }

    #[lifecycle::main(config = config(), crate = lifecycle)]
    #[tracing::instrument]
    pub async fn main() -> Result<(), String> {
        Err("no".to_owned())
    }
}

#[allow(dead_code)]
fn all() -> [fn() -> lifecycle::__private::MainExit; 3] {
    [never::main, job::run, configured::main]
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
