//! Hooks that are registered at run time.

use std::{future::pending, process::ExitCode, time::Duration};

use lifecycle::{State, on_shutdown};

use crate::{
    hooks::note,
    kit::{Dropped, only, say, serve, sleep},
};

fn register(name: &'static str) {
    tell(name, lifecycle::hook(name).register(move || async move { say(format!("ran {name}")) }));
}

fn tell(name: &str, registered: Result<lifecycle::HookHandle, lifecycle::plan::PlanError>) {
    let state = lifecycle::state();
    match registered {
        Ok(_) => say(format!("{name}: accepted while {state}")),
        Err(error) => say(format!("{name}: turned away while {state}: {error}")),
    }
}

/// Runs first, and registers hooks for after and before itself.
#[on_shutdown(order = -10)]
async fn registers() {
    register("stopping");
    let late = lifecycle::hook("late").before::<registers>().register(|| async { say("ran late") });
    tell("late", late);
}

pub(crate) fn in_each_state() -> ExitCode {
    register("before");
    let config = only::<registers>().shutdown_delay(Duration::from_millis(50));
    let code = serve(config, async {
        let requested = lifecycle::requested();
        register("starting");
        lifecycle::ready();
        while lifecycle::state() < State::Running {
            sleep(1).await;
        }
        register("running");
        let draining = lifecycle::draining();
        lifecycle::shutdown("enough");
        requested.await;
        register("delaying");
        draining.await;
        register("draining");
    });
    register("stopped");
    code
}

/// Edges between handles, equal names, and hooks that are taken out again.
pub(crate) fn handles() -> ExitCode {
    let main = async {
        lifecycle::ready();
        let second = async || {
            let first = lifecycle::hook("conn").register(|| async {
                sleep(50).await;
                say("first ends");
            })?;
            let second = lifecycle::hook("conn").after_handle(&first);
            let second = second.register(|| async { say("second starts") })?;
            let third = lifecycle::hook("conn").before_handle(&second).after::<note>();
            third.register(|| async { say("third") })?;
            let gone = lifecycle::hook("gone").register(|| async { say("gone after all") })?;
            say(format!("unregister: {}", gone.unregister()));
            say(format!("unregister again: {}", gone.unregister()));
            lifecycle::hook("last").after_handle(&second).register(move || async move {
                say(format!("unregister what has run: {}", second.unregister()));
            })
        };
        second().await
    };
    serve(only::<note>(), async { main.await.map(drop) })
}

/// A hook that is cancelled, and has a second step for that.
pub(crate) fn second_step() -> ExitCode {
    let flaky = lifecycle::hook("flaky").timeout(Duration::from_millis(150));
    let flaky = flaky.on_timeout(|| async { say("second step") }, Duration::from_secs(1));
    let registered = flaky.register(|| async {
        let _dropped = Dropped("first step");
        pending::<()>().await;
    });
    let after = registered.and_then(|handle| {
        lifecycle::hook("after").after_handle(&handle).timeout(Duration::from_secs(2)).register(
            || async {
                say("after flaky");
            },
        )
    });
    serve(only::<()>(), async {
        lifecycle::ready();
        after.map(drop)
    })
}
