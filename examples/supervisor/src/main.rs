//! A supervisor: `supervisor <file.toml>` runs the services of the file, each after those that it
//! needs, starts again what fails, and stops all in the opposite order. SIGHUP reads the file anew.

mod config;
mod services;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use lifecycle::{Config, Reason, Signal};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use crate::{config::File, services::Services};

/// The code of a file that is wrong, as of any configuration.
const BAD_FILE: u8 = 78;

/// The longest that the stop of everything may take, unless the file says less.
const GRACE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    tracing_subscriber::fmt().without_time().with_target(false).with_writer(std::io::stderr).init();
    let mut arguments = std::env::args_os().skip(1);
    let (Some(path), None) = (arguments.next().map(PathBuf::from), arguments.next()) else {
        eprintln!("usage: supervisor <file.toml>");
        return ExitCode::from(BAD_FILE);
    };
    let file = match File::read(&path) {
        Ok(file) => file,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(BAD_FILE);
        }
    };
    // SIGHUP is ours: it reloads.
    let mut config = Config::new()
        .grace_period(file.grace.unwrap_or(GRACE).min(GRACE))
        .signals([Signal::Term, Signal::Int]);
    if let Some(socket) = &file.admin {
        config = config.admin(socket);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(wrong) => {
            eprintln!("no runtime: {wrong}");
            return ExitCode::FAILURE;
        }
    };
    let report = runtime.block_on(config.run(supervise(path, file)));
    drop(runtime);
    std::process::Termination::report(report)
}

async fn supervise(path: PathBuf, file: File) -> Result<(), Box<dyn std::error::Error>> {
    let mut reload = signal(SignalKind::hangup())?;
    let mut services = Services::default();
    if let Err(wrong) = services.become_as(&file).await {
        lifecycle::shutdown(Reason::failure(wrong.to_string()));
        return Ok(());
    }
    info!("{} services run", file.services.len());
    lifecycle::ready();
    loop {
        tokio::select! {
            () = lifecycle::requested() => return Ok(()),
            _ = reload.recv() => reread(&path, &mut services).await,
        }
    }
}

/// A file that is wrong changes nothing.
async fn reread(path: &Path, services: &mut Services) {
    match File::read(path) {
        Ok(file) => match services.become_as(&file).await {
            Ok(()) => {
                info!("{} is read anew: {} services run", path.display(), file.services.len());
            }
            Err(wrong) => error!("{wrong}"),
        },
        Err(wrong) => error!("{wrong}; all stays as it is"),
    }
}
