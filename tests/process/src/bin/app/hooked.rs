//! Services that are about their hooks: each stops by itself at once.

use std::process::ExitCode;

use lifecycle::{Config, plan::HookSet};

use crate::{
    hooks::{
        after_fails, after_hangs, after_panics, after_sticks, asks_again, calls_in, fails, hangs,
        note, panics, sticks,
    },
    kit::{block, built, finish, only, say, serve},
};

pub(crate) fn hanging() -> ExitCode {
    stop_with::<(hangs, after_hangs)>()
}

pub(crate) fn stuck() -> ExitCode {
    stop_with::<(sticks, after_sticks)>()
}

pub(crate) fn panicking() -> ExitCode {
    stop_with::<(panics, after_panics)>()
}

pub(crate) fn failing() -> ExitCode {
    stop_with::<(fails, after_fails)>()
}

pub(crate) fn again() -> ExitCode {
    stop_with::<asks_again>()
}

pub(crate) fn none() -> ExitCode {
    stop_with::<()>()
}

/// Every thread that tokio has for blocking work is taken for good.
pub(crate) fn full_pool() -> ExitCode {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = built(builder.worker_threads(1).max_blocking_threads(1));
    finish(
        runtime,
        only::<(calls_in, note)>().run(async {
            let (began, begun) = tokio::sync::oneshot::channel();
            tokio::task::spawn_blocking(move || {
                let _ = began.send(());
                block();
            });
            let _ = begun.await;
            say("the pool is full");
            lifecycle::ready();
        }),
    )
}

fn stop_with<S: HookSet>() -> ExitCode {
    let config: Config = only::<S>();
    serve(config, async { lifecycle::ready() })
}
