//! The set-up of tokio-graceful's example `tokio_tcp_with_overwrite_fn.rs`: tasks that hold a
//! guard, a limit, a second Ctrl-C that forces (off by default), and a log line for the result
//! under `#[tokio::main]`. That example ends with 0 even after its limit passed; here the code is 1
//! then, as with the `.unwrap()` of the README. The documentation says nothing of blocked threads.

use std::process::ExitCode;

use tokio_graceful::Shutdown;

use crate::{
    DEADLINE,
    app::{self, App},
    flavour::Flavour,
};

pub(super) fn run(app: App, flavour: Flavour) -> ExitCode {
    // Dropped before the code is returned, as under `#[tokio::main]`.
    flavour.build().block_on(stop(app))
}

async fn stop(app: App) -> ExitCode {
    let shutdown = Shutdown::builder().with_overwrite_fn(tokio::signal::ctrl_c).build();
    for hook in app.hooks.clone() {
        shutdown.spawn_task_fn(|guard| async move {
            guard.cancelled().await;
            hook.run().await;
        });
    }
    shutdown.spawn_task_fn(|guard| async move { app.main(guard.cancelled()).await });
    match shutdown.shutdown_with_limit(DEADLINE).await {
        Ok(elapsed) => {
            app::say_result(&format!("Ok({elapsed:.1?})"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            app::say_result(&format!("Err({error})"));
            ExitCode::FAILURE
        }
    }
}
