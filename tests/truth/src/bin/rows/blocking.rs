//! A main that does not come back.

use std::{future::pending, process::ExitCode, time::Duration};

use lifecycle::{Config, Plan, Platform, on_shutdown};
use lifecycle_truth_tests::{flag, pause, say, serve, sleep};

use crate::listening;

struct Pool;

#[on_shutdown(timeout = "500ms")]
async fn close_pool(_pool: Pool) {
    say("pool closed");
}

fn config() -> Config {
    let plan = Plan::declared().only::<close_pool>();
    Config::new().platform(Platform::Unknown).plan(plan)
}

/// Migrates on main's thread, with the pool.
pub(crate) fn migration() -> ExitCode {
    serve(config().run(async {
        lifecycle::provide(Pool);
        lifecycle::ready();
        say("up");
        pause(1_200);
        say("migrated");
    }))
}

/// Never yields again; before that it has asked, or not.
pub(crate) fn blocked() -> ExitCode {
    serve(config().drain_timeout(Duration::from_millis(700)).run(async {
        lifecycle::provide(Pool);
        lifecycle::ready();
        let _draining = flag("listens").then(lifecycle::draining);
        say("up");
        loop {
            pause(1_000);
        }
    }))
}

/// Asked for the milestone, and does not go when it comes.
pub(crate) fn endless() -> ExitCode {
    serve(listening::config().drain_timeout(Duration::from_millis(300)).run(async {
        let draining = lifecycle::draining();
        say("up");
        draining.await;
        pending::<()>().await;
    }))
}

async fn lingers() {
    let draining = lifecycle::draining();
    say("up");
    draining.await;
    sleep(8_000).await;
}

/// Takes 8 s to go.
pub(crate) fn lingering() -> ExitCode {
    serve(listening::config().run(lingers()))
}

pub(crate) fn bounded() -> ExitCode {
    serve(listening::config().main_timeout(Duration::from_millis(300)).run(lingers()))
}
