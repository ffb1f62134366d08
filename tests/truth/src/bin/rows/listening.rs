//! Who has asked once, listens.

use std::{future::pending, process::ExitCode, time::Duration};

use lifecycle::{Config, Plan, Platform, Refused, tracked, until_draining};
use lifecycle_truth_tests::{say, serve, sleep};

/// Without hooks, and without the machine's own platform.
pub(crate) fn config() -> Config {
    Config::new().platform(Platform::Unknown).plan(Plan::declared().only::<()>())
}

/// What main does after the stop began, and what would be cut.
async fn last_work() {
    say("last work");
    sleep(300).await;
    say("last work done");
}

/// A server that answers as long as anything is in flight.
pub(crate) fn until_drained() -> ExitCode {
    serve(config().run(async {
        let drained = lifecycle::drained();
        say("up");
        drained.await;
        say("drained");
        last_work().await;
    }))
}

#[tracked]
async fn next_batch() -> Result<Option<()>, Refused> {
    Ok(until_draining(sleep(20)).await)
}

/// Main has asked, inside of a call that is over when the stop comes.
pub(crate) fn asked_in_a_call() -> ExitCode {
    serve(config().run(async {
        say(format!("up: {:?}", next_batch().await));
        last_work().await;
    }))
}

pub(crate) fn asked_for_events() -> ExitCode {
    serve(config().run(async {
        let mut events = lifecycle::events();
        lifecycle::ready();
        say("up");
        while let Some(event) = events.recv().await {
            if format!("{event:?}").contains("Draining") {
                break;
            }
        }
        last_work().await;
    }))
}

#[tracked]
async fn long_poll() -> Result<(), Refused> {
    until_draining(pending::<()>()).await;
    Ok(())
}

/// A request of a server asks for itself, and not for main.
pub(crate) fn asked_by_a_call_in_a_task() -> ExitCode {
    serve(config().run(async {
        let request = tokio::spawn(long_poll());
        say("up");
        pending::<()>().await;
        let _ = request.await;
    }))
}

/// Who wants to see the report does not ask to be waited for.
pub(crate) fn asked_for_the_report() -> ExitCode {
    serve(config().run(async {
        let mut stopped = std::pin::pin!(lifecycle::stopped());
        let sleeper = tokio::time::sleep(Duration::from_secs(60));
        say("up");
        tokio::select! {
            _ = &mut stopped => {}
            () = sleeper => {}
        }
    }))
}

/// A task that has looked once, and will look again after what it does now.
pub(crate) fn asked_once_in_a_task() -> ExitCode {
    serve(config().run(async {
        let worker = tokio::spawn(async {
            say(format!("up: {:?}", until_draining(sleep(1)).await));
            sleep(800).await;
            say("last work done");
        });
        let _ = worker.await;
    }))
}
