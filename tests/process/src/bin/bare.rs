//! A program without a hook and without a tracked function: `process-bare [listens]`.

use std::{future::pending, process::ExitCode};

use lifecycle::{Config, Platform};

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).without_time().init();
    let listens = std::env::args().any(|arg| arg == "listens");
    let main = async move {
        let draining = listens.then(lifecycle::draining);
        lifecycle::ready();
        println!("up");
        match draining {
            Some(draining) => draining.await,
            None => pending().await,
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    std::process::Termination::report(
        runtime.block_on(Config::new().platform(Platform::Unknown).run(main)),
    )
}
