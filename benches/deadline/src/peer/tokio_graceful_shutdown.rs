//! The set-up of tokio-graceful-shutdown's README and of its example `03_shutdown_timeout.rs`:
//! subsystems under a `Toplevel`, signals caught, a limit, and the result returned from a
//! `#[tokio::main]` main by way of miette. Main's work is a subsystem, as there is no other place
//! for it. The documentation says nothing of blocked threads, of what outlives the stop, or of a
//! second Ctrl-C.

use std::process::{ExitCode, Termination};

use miette::Result;
use tokio_graceful_shutdown::{SubsystemBuilder, SubsystemHandle, Toplevel};

use crate::{
    DEADLINE,
    app::{self, App},
    flavour::Flavour,
};

pub(super) fn run(app: App, flavour: Flavour) -> ExitCode {
    // Dropped before `result` is reported, as under `#[tokio::main]`.
    let result = flavour.build().block_on(stop(app));
    result.report()
}

async fn stop(app: App) -> Result<()> {
    let result = Toplevel::new(async move |subsys: &mut SubsystemHandle| {
        for hook in app.hooks.clone() {
            let name = hook.name.clone();
            let subsystem = async move |subsys: &mut SubsystemHandle| -> Result<()> {
                subsys.on_shutdown_requested().await;
                hook.run().await;
                Ok(())
            };
            subsys.start(SubsystemBuilder::new(name, subsystem));
        }
        let main = async move |subsys: &mut SubsystemHandle| -> Result<()> {
            app.main(subsys.on_shutdown_requested()).await;
            Ok(())
        };
        subsys.start(SubsystemBuilder::new("main", main));
    })
    .catch_signals()
    .handle_shutdown_requests(DEADLINE)
    .await;
    app::say_result(&match &result {
        Ok(()) => "Ok(())".to_owned(),
        Err(error) => format!("Err({error})"),
    });
    result.map_err(Into::into)
}
