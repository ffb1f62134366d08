//! Plain tokio, wired with the care of someone who read its documentation to the end: both signals
//! from `signal::unix::signal` (registered at the call, not at the first poll), a `watch` channel
//! that tells the tasks, a `JoinSet`, a timeout around it, a second Ctrl-C that forces, and
//! `Runtime::shutdown_background` for work on the blocking pool that nobody waits for.

use std::{io, process::ExitCode};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use crate::{
    DEADLINE,
    app::{self, App},
    flavour::Flavour,
};

pub(super) fn run(app: App, flavour: Flavour) -> ExitCode {
    let runtime = flavour.build();
    let ended = runtime.block_on(stop(app));
    runtime.shutdown_background();
    ended.unwrap_or(ExitCode::FAILURE)
}

async fn stop(app: App) -> io::Result<ExitCode> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let (tell, told) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for hook in app.hooks.clone() {
        let told = told.clone();
        tasks.spawn(async move {
            stopping(told).await;
            hook.run().await;
        });
    }
    tasks.spawn(async move { app.main(stopping(told)).await });
    first_of(&mut term, &mut int).await;
    tell.send_replace(true);
    let all = async { while tasks.join_next().await.is_some() {} };
    Ok(tokio::select! {
        ended = timeout(DEADLINE, all) => match ended {
            Ok(()) => {
                app::say_result("all ended");
                ExitCode::SUCCESS
            }
            Err(_) => {
                app::say_result("timed out");
                ExitCode::FAILURE
            }
        },
        _ = int.recv() => {
            app::say_result("forced");
            ExitCode::from(130)
        }
    })
}

async fn first_of(term: &mut Signal, int: &mut Signal) {
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

async fn stopping(mut told: watch::Receiver<bool>) {
    let _ = told.wait_for(|stop| *stop).await;
}
