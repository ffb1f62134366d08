//! Who is waited for, and who is dropped.

use std::{future::pending, process::ExitCode};

use lifecycle::{Refused, tracked};
use tokio::task::JoinSet;

use crate::{
    hooks::note,
    kit::{Dropped, flag, only, say, serve, sleep, told},
};

#[tracked]
async fn call() -> Result<(), Refused> {
    say("call began");
    told("finish").await;
    say("call finished");
    Ok(())
}

/// A main that listens or does not, with a call in flight or not.
pub(crate) fn main() -> ExitCode {
    serve(only::<note>(), async {
        let _dropped = Dropped("main");
        // Called here, so that the log can say where.
        let listening = if flag("listens") { Some(lifecycle::draining()) } else { None };
        if flag("busy") {
            tokio::spawn(call());
            while lifecycle::status().in_flight() == 0 {
                sleep(1).await;
            }
        }
        lifecycle::ready();
        say("up");
        match listening {
            Some(draining) => draining.await,
            None if flag("gone") => {}
            None => pending().await,
        }
        told("return").await;
        say("main returns");
    })
}

/// Two servers in tasks of their own that stop gracefully, as axum's do; main itself never asks.
pub(crate) fn join_set() -> ExitCode {
    serve(only::<note>(), async {
        let mut servers = JoinSet::new();
        for name in ["public", "admin"] {
            let stop = lifecycle::draining();
            servers.spawn(async move {
                say(format!("{name} listens"));
                stop.await;
                told("finish").await;
                say(format!("{name} is done"));
            });
        }
        while servers.join_next().await.is_some() {}
        say("main returns");
    })
}
