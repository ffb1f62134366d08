//! Services that are sent signals.

use std::{
    process::{ExitCode, Termination},
    time::Duration,
};

use lifecycle::{Config, Refused, Signal, tracked};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    hooks::{endless, note},
    kit::{
        block, current_thread, finish, flag, multi_thread, only, say, serve, sleep, told,
        told_blocking,
    },
};

/// Listens, and returns when told to.
pub(crate) fn worker() -> ExitCode {
    let mut config = only::<note>();
    if flag("deaf") {
        config = config.signals([]);
    }
    if flag("quit") {
        // What images set as their STOPSIGNAL: nginx and php, httpd, systemd in a container.
        let numbers = [3, 28, 37];
        config = config.signals(numbers.map(|number| Signal::from_number(number).unwrap()));
    }
    serve(config, work())
}

async fn work() {
    let draining = lifecycle::draining();
    say("up");
    draining.await;
    say("main returns");
}

#[tracked]
async fn call() -> Result<(), Refused> {
    say("call began");
    told("finish").await;
    say("call finished");
    Ok(())
}

/// A call is in flight until the test says "finish".
pub(crate) fn busy() -> ExitCode {
    let config = if flag("endless") { only::<(note, endless)>() } else { only::<note>() };
    serve(config.escalate_on_term(flag("escalate")), async {
        let draining = lifecycle::draining();
        let call = tokio::spawn(call());
        draining.await;
        let _ = call.await;
    })
}

/// Hears signals long before it runs.
pub(crate) fn early() -> ExitCode {
    lifecycle::install();
    say("installed");
    told_blocking("go");
    worker()
}

/// What `#[lifecycle::main]` expands to, with a runtime that takes its time to be built.
pub(crate) fn building() -> ExitCode {
    let build = || {
        say("building");
        told_blocking("go");
        Ok(multi_thread())
    };
    let config = only::<note>();
    let config = if flag("short") { config.grace_period(Duration::from_secs(2)) } else { config };
    lifecycle::__private::main(config, build, work).report()
}

/// Main blocks the only thread of its runtime.
pub(crate) fn blocked() -> ExitCode {
    let main = async {
        lifecycle::ready();
        say("up");
        block();
    };
    finish(current_thread(), only::<note>().run(main))
}

/// The process goes on after `run` has returned.
pub(crate) fn lingering() -> ExitCode {
    let _ = multi_thread().block_on(only::<note>().run(async {}));
    say("run is over");
    block();
}

/// Somebody else's `select!` drops the run future.
pub(crate) fn dropped() -> ExitCode {
    multi_thread().block_on(async {
        tokio::select! {
            _ = only::<(note, endless)>().run(work()) => say("run returned"),
            () = sleep(50) => say("run is over"),
        }
    });
    block();
}

/// The application listens through tokio as well: before the library does, and after.
pub(crate) fn beside() -> ExitCode {
    let config: Config = only::<note>();
    let listen = || signal(SignalKind::terminate()).unwrap_or_else(|error| panic!("{error}"));
    finish(multi_thread(), async {
        let mut before = listen();
        config
            .run(async {
                let mut after = listen();
                let draining = lifecycle::draining();
                say("up");
                before.recv().await;
                say("the application heard it");
                after.recv().await;
                say("and heard it again");
                draining.await;
            })
            .await
    })
}
