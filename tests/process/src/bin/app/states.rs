//! Services that say where they stand.

use std::{process::ExitCode, time::Duration};

use lifecycle::{Refused, Site, State, event::Event, tracked};

use crate::{
    hooks::note,
    kit::{finish, flag, multi_thread, only, say, serve, sleep, told},
};

/// Says every event; complete when the lifecycle has stopped.
fn watch() -> tokio::task::JoinHandle<()> {
    let mut events = lifecycle::events();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            match &event {
                Event::Requested { reason, .. } => say(format!("event: requested, {reason}")),
                Event::State { state, time_left, .. } => {
                    say(format!(
                        "event: {state}, {}",
                        if time_left.is_some() { "limited" } else { "unlimited" }
                    ));
                }
                Event::Signal { signal, did, .. } => say(format!("event: {signal} {did}")),
                Event::HookStarted { name, timeout, .. } => {
                    say(format!("event: {name} has {timeout:?}"));
                }
                Event::HookEnded { name, outcome, .. } => say(format!("event: {name} {outcome}")),
                Event::Notice { text, .. } => say(format!("event: notice: {text}")),
                other => say(format!("event: {other:?}")),
            }
            if matches!(event, Event::State { state: State::Stopped, .. }) {
                break;
            }
        }
    })
}

/// Listens, and says every event.
pub(crate) fn events() -> ExitCode {
    let mut config = only::<note>().job(flag("job"));
    if flag("starting") {
        // Who watches the events listens; this main never returns.
        config = config.main_timeout(Duration::ZERO);
    }
    finish(multi_thread(), async {
        let watched = watch();
        let report = config
            .run(async {
                if flag("starting") {
                    say("up");
                    // Nobody listens, nobody says ready.
                    told("never").await;
                }
                let draining = lifecycle::draining();
                say("up");
                if flag("failure") {
                    lifecycle::shutdown(lifecycle::Reason::failure("the disk is full"));
                }
                if flag("request") {
                    lifecycle::shutdown("enough");
                }
                draining.await;
            })
            .await;
        let _ = watched.await;
        report
    })
}

#[tracked]
async fn call(millis: u64) -> Result<(), Refused> {
    sleep(millis).await;
    say("the call finished");
    Ok(())
}

/// One task for each milestone, and a call in flight while they come.
pub(crate) fn milestones() -> ExitCode {
    let config = only::<note>().shutdown_delay(Duration::from_millis(100));
    finish(multi_thread(), async {
        let requested = tokio::spawn(async {
            lifecycle::requested().await;
            say("requested");
            say(format!("a fresh call: {:?}", call(0).await.is_ok()));
        });
        let draining = tokio::spawn(async {
            lifecycle::draining().await;
            say("draining");
            say(format!("a late call: {:?}", call(0).await.is_ok()));
        });
        let drained = tokio::spawn(async {
            lifecycle::drained().await;
            say("drained");
        });
        let stopped = tokio::spawn(async {
            let report = lifecycle::stopped().await;
            say(format!("stopped, {}", report.exit_code()));
        });
        let report = config
            .run(async {
                let draining = lifecycle::draining();
                let call = tokio::spawn(call(1000));
                while lifecycle::status().in_flight() == 0 {
                    sleep(1).await;
                }
                lifecycle::shutdown("enough");
                draining.await;
                let _ = call.await;
            })
            .await;
        for task in [requested, draining, drained, stopped] {
            let _ = task.await;
        }
        report
    })
}

/// Loops that end at a milestone.
pub(crate) fn until() -> ExitCode {
    let config = only::<note>().shutdown_delay(Duration::from_millis(500));
    serve(config, async {
        let fetching = tokio::spawn(async {
            while lifecycle::until_requested(sleep(5)).await.is_some() {}
            say("fetching ends");
            let polled =
                lifecycle::until_requested(async { say("polled after the request") }).await;
            say(format!("after the request: {polled:?}"));
        });
        let mut served = 0;
        while lifecycle::until_draining(sleep(5)).await.is_some() {
            served += 1;
            if served == 10 {
                say("serving");
                lifecycle::shutdown("enough");
            }
        }
        say("serving ends");
        let polled = lifecycle::until_draining(async { say("polled while draining") }).await;
        say(format!("while draining: {polled:?}"));
        let _ = fetching.await;
    })
}

static QUEUE: Site = Site::new("queue");

fn stand(when: &str) {
    let status = lifecycle::status();
    say(format!("{when}: {}, ready {}", status.state(), status.is_ready()));
}

async fn settle(state: State) {
    for _ in 0..500 {
        if lifecycle::state() == state {
            return;
        }
        sleep(2).await;
    }
}

/// What makes a service ready; it returns when it has said whether it is.
pub(crate) fn readiness() -> ExitCode {
    serve(only::<note>(), async {
        stand("first");
        let hold = flag("hold").then(|| lifecycle::hold_ready("migrations"));
        if flag("ready") {
            lifecycle::ready();
        }
        if flag("draining") {
            drop(lifecycle::draining());
        }
        if flag("until") {
            let _ = lifecycle::until_draining(async {}).await;
        }
        if flag("pull") {
            let _ = QUEUE.pull(async {}).await;
        }
        if flag("requested") {
            drop(lifecycle::requested());
        }
        if flag("drained") {
            drop(lifecycle::drained());
        }
        settle(State::Running).await;
        stand("then");
        drop(hold);
        settle(State::Running).await;
        stand("at last");
    })
}

/// A hold that comes after the service was running takes readiness and leaves the state.
pub(crate) fn held() -> ExitCode {
    serve(only::<note>(), async {
        lifecycle::ready();
        settle(State::Running).await;
        stand("before");
        let hold = lifecycle::hold_ready("reload");
        stand("held");
        say(format!("holds: {}", lifecycle::status().holds().join(", ")));
        hold.release();
        stand("after");
    })
}

/// All that can be asked, at every point.
pub(crate) fn status() -> ExitCode {
    let ask = |when: &str| {
        let status = lifecycle::status();
        let left = lifecycle::time_left();
        let sites: Vec<_> = status
            .sites()
            .iter()
            .map(|site| format!("{} {}", site.in_flight(), site.name()))
            .collect();
        say(format!(
            "{when}: {}, live {}, reason {:?}, in flight {} [{}], limited {}",
            status.state(),
            status.is_live(),
            status.reason().map(ToString::to_string),
            status.in_flight(),
            sites.join(", "),
            left.is_some()
        ));
        left
    };
    let code = serve(only::<note>(), async {
        let draining = lifecycle::draining();
        settle(State::Running).await;
        let guard = QUEUE.admit();
        ask("running");
        lifecycle::shutdown("enough");
        draining.await;
        let first = ask("draining");
        sleep(20).await;
        let second = ask("draining still");
        say(format!("time runs: {}", first > second));
        let deadline = Duration::from_secs(28);
        say(format!("within the deadline: {}", first.is_some_and(|left| left <= deadline)));
        drop(guard);
    });
    ask("stopped");
    code
}
