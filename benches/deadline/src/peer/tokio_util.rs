//! The set-up of `TaskTracker`'s documentation ("Wait for tasks to exit") and of the topic page on
//! graceful shutdown that it links to: a `CancellationToken` that tells, a `TaskTracker` that is
//! waited for, here with a limit, under `#[tokio::main]`. Neither says anything of limits, blocked
//! threads or a second Ctrl-C.

use std::{io, process::ExitCode};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    DEADLINE,
    app::{self, App},
    flavour::Flavour,
};

pub(super) fn run(app: App, flavour: Flavour) -> ExitCode {
    // Dropped before the code is returned, as under `#[tokio::main]`.
    flavour.build().block_on(stop(app)).unwrap_or(ExitCode::FAILURE)
}

async fn stop(app: App) -> io::Result<ExitCode> {
    let mut term = signal(SignalKind::terminate())?;
    let tracker = TaskTracker::new();
    let token = CancellationToken::new();
    for hook in app.hooks.clone() {
        let token = token.clone();
        tracker.spawn(async move {
            token.cancelled().await;
            hook.run().await;
        });
    }
    let stop = token.clone();
    tracker.spawn(async move { app.main(stop.cancelled()).await });
    tokio::select! {
        _ = term.recv() => {}
        ended = tokio::signal::ctrl_c() => ended?,
    }
    tracker.close();
    token.cancel();
    Ok(match timeout(DEADLINE, tracker.wait()).await {
        Ok(()) => {
            app::say_result("all ended");
            ExitCode::SUCCESS
        }
        Err(_) => {
            app::say_result("timed out");
            ExitCode::FAILURE
        }
    })
}
