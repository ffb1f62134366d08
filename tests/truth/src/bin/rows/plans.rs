//! Plans that change at run time, and plans with nothing written.

use std::{process::ExitCode, time::Duration};

use lifecycle::{Config, Plan, Platform, on_shutdown};
use lifecycle_truth_tests::{say, serve};

struct Pool;
struct Outbox;

#[on_shutdown(timeout = "1s")]
async fn flush(_outbox: &Outbox) {
    say("hook: flush");
}

#[on_shutdown(timeout = "1s")]
async fn close(_pool: Pool) {
    say("hook: close");
}

/// Its order beside the others was thought of.
#[on_shutdown(timeout = "1s", after = [])]
async fn close_at_any_time(_pool: Pool) {
    say("hook: close at any time");
}

fn config() -> Config {
    Config::new().platform(Platform::Unknown)
}

/// Grants one second of hooks, and not two.
fn tight(plan: Plan) -> Config {
    let config = config().plan(plan).drain_timeout(Duration::from_millis(500));
    config.grace_period(Duration::from_secs(2))
}

async fn up_until_draining() {
    let draining = lifecycle::draining();
    say("up");
    draining.await;
}

/// What is provided uses the pool: the two hooks are one after the other, which no plan shows.
pub(crate) fn late_uses() -> ExitCode {
    let config = tight(Plan::declared().only::<(flush, close)>());
    config.install();
    serve(config.run(async {
        lifecycle::provide(Pool);
        lifecycle::provide(Outbox).uses::<Pool>();
        up_until_draining().await;
    }))
}

/// A hook that no plan shows.
pub(crate) fn late_hook() -> ExitCode {
    let config = tight(Plan::declared().only::<close>());
    config.install();
    serve(config.run(async {
        lifecycle::provide(Pool);
        let audit = lifecycle::hook("audit").timeout(Duration::from_secs(1)).before::<close>();
        let registered = audit.register(|| async { say("hook: audit") });
        say(format!("registered: {}", registered.is_ok()));
        up_until_draining().await;
    }))
}

/// The hooks stand side by side, though the outbox has the pool.
pub(crate) fn outbox() -> ExitCode {
    unordered(Plan::declared().only::<(flush, close)>())
}

pub(crate) fn outbox_ordered() -> ExitCode {
    unordered(Plan::declared().only::<(flush, close_at_any_time)>())
}

fn unordered(plan: Plan) -> ExitCode {
    let config = config().plan(plan);
    config.install();
    serve(config.run(async {
        lifecycle::provide(Pool);
        lifecycle::provide(Outbox);
        up_until_draining().await;
    }))
}

#[on_shutdown]
async fn goodbye() {
    say("hook: goodbye");
}

/// One hook, every number at its default, and the platform that the environment shows.
pub(crate) fn nothing_written() -> ExitCode {
    let config = Config::new().plan(Plan::declared().only::<goodbye>());
    config.install();
    serve(config.run(up_until_draining()))
}

/// A library's hook for what this program has not.
pub(crate) fn never_provided() -> ExitCode {
    serve(config().plan(Plan::declared().only::<close>()).run(up_until_draining()))
}

#[on_shutdown(if_provided, timeout = "1s")]
async fn close_where_there_is_one(_pool: Pool) {
    say("hook: close where there is one");
}

pub(crate) fn if_provided() -> ExitCode {
    let config = config().plan(Plan::declared().only::<close_where_there_is_one>());
    config.install();
    serve(config.run(async {
        if lifecycle_truth_tests::flag("provides") {
            lifecycle::provide(Pool);
        }
        up_until_draining().await;
    }))
}

#[on_shutdown(timeout = "1s", uses = [Pool])]
async fn flush_with_the_pool(_outbox: &Outbox) {
    say("hook: flush with the pool");
}

/// The same as `late_uses`, where the plan can see it.
pub(crate) fn written_uses() -> ExitCode {
    let config = tight(Plan::declared().only::<(flush_with_the_pool, close)>());
    config.install();
    serve(config.run(up_until_draining()))
}

/// The time of hooks that come later is set aside.
pub(crate) fn reserved() -> ExitCode {
    let config = tight(Plan::declared().only::<close>()).reserve(Duration::from_secs(1));
    config.install();
    serve(config.run(up_until_draining()))
}
