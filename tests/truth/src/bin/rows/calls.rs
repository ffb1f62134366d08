//! What becomes of calls.

use std::{future::pending, process::ExitCode, time::Duration};

use lifecycle::{Config, Plan, Platform, Refused, on_shutdown, tracked};
use lifecycle_truth_tests::{say, serve, sleep};

use crate::listening;

#[tracked]
async fn place_order() -> Result<(), Refused> {
    say("up");
    lifecycle::draining().await;
    sleep(200).await;
    panic!("the order book is torn")
}

/// A request panics while the service drains.
pub(crate) fn panics() -> ExitCode {
    serve(listening::config().run(async {
        let request = tokio::spawn(place_order());
        lifecycle::draining().await;
        let _ = request.await;
    }))
}

#[on_shutdown(timeout = "1s")]
async fn close_exports() {
    say("hook: close exports");
}

#[tracked(drain = cancel_after("20s"))]
async fn export() -> Result<(), Refused> {
    say("up");
    pending().await
}

/// An export that may be cut, and a drain that ends sooner, by time or by a second Ctrl-C.
pub(crate) fn cancelled() -> ExitCode {
    let config = Config::new().platform(Platform::Unknown);
    serve(config.plan(Plan::declared().only::<close_exports>()).run(async {
        let request = tokio::spawn(async {
            match export().await {
                Err(refused) if refused.ran() => say("answered: cut half-way"),
                other => say(format!("answered: {other:?}")),
            }
        });
        lifecycle::draining().await;
        say("drains");
        let _ = request.await;
    }))
}

#[tracked]
async fn settle_accounts() -> Result<(), Refused> {
    say("up");
    pending().await
}

/// A call of main that does not end: dropped together with main.
pub(crate) fn inside_main() -> ExitCode {
    serve(listening::config().drain_timeout(Duration::from_millis(300)).run(async {
        let _draining = lifecycle::draining();
        settle_accounts().await.map_err(|refused| refused.to_string())
    }))
}
