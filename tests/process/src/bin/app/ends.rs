//! A service that can come to every end there is, and to several at once.

use std::{future::pending, process::ExitCode, time::Duration};

use lifecycle::{Plan, Reason, Refused, tracked};

use crate::{
    hooks::{dawdles, endless, fails, hangs, note, panics, sticks},
    kit::{block, config, flag, say, serve, told_blocking},
    resources::lacks,
};

pub(crate) fn ends() -> ExitCode {
    if flag("early") {
        lifecycle::install();
        say("up");
        told_blocking("go");
    }
    if flag("ask-early") {
        lifecycle::shutdown("enough");
    }
    if flag("ask-failure-early") {
        lifecycle::shutdown(Reason::failure("no more"));
    }
    if flag("breach") {
        lifecycle::provide(Immortal);
    }
    let mut config = config().plan(plan()).job(flag("job"));
    if flag("abandon") || flag("stay") {
        config = config.drain_timeout(Duration::from_millis(100));
    }
    serve(config, main())
}

fn plan() -> Plan {
    let plan = Plan::declared();
    match std::env::args().find(|arg| arg.starts_with("hook-")).as_deref() {
        None => plan.only::<note>(),
        Some("hook-fails") => plan.only::<fails>(),
        Some("hook-fails-and-endless") => plan.only::<(fails, endless)>(),
        Some("hook-panics") => plan.only::<panics>(),
        Some("hook-hangs") => plan.only::<hangs>(),
        Some("hook-sticks") => plan.only::<sticks>(),
        Some("hook-dawdles") => plan.only::<dawdles>(),
        Some("hook-lacks") => plan.only::<lacks>(),
        Some("hook-cycle") => {
            plan.only::<(note, fails)>().edge::<note, fails>().edge::<fails, note>()
        }
        Some(other) => panic!("there is no {other}"),
    }
}

/// Its destructor does not return.
struct Immortal;

impl Drop for Immortal {
    fn drop(&mut self) {
        block();
    }
}

#[tracked]
async fn place() -> Result<(), Refused> {
    say("placing");
    pending().await
}

async fn main() -> Result<(), String> {
    if flag("err-early") {
        return Err("cannot reach postgres://app:s3cret@db/orders".to_owned());
    }
    let draining = lifecycle::draining();
    if flag("abandon") {
        let _ = tokio::time::timeout(Duration::ZERO, async {
            tokio::spawn(place());
            pending::<()>().await;
        })
        .await;
        while lifecycle::status().in_flight() == 0 {
            tokio::task::yield_now().await;
        }
    }
    say("up");
    if flag("ask") {
        lifecycle::shutdown("enough");
    }
    if flag("ask-failure") {
        lifecycle::shutdown(Reason::failure("lost the lease at redis://app:s3cret@lock"));
    }
    if flag("return") {
        return Ok(());
    }
    if flag("stay") {
        pending::<()>().await;
    }
    draining.await;
    if flag("refused") {
        return place().await.map_err(|refused| refused.to_string());
    }
    if flag("panic") {
        panic!("main had enough of postgres://app:s3cret@db/orders");
    }
    if flag("err") {
        return Err("cannot reach postgres://app:s3cret@db/orders".to_owned());
    }
    Ok(())
}
