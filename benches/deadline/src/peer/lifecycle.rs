//! The set-up of the README's front page: `#[lifecycle::main]`, and hooks. As the number of hooks
//! varies, they are registered at run time; the sync one is declared. Nothing is configured but the
//! grace period.

use std::{
    process::{ExitCode, Termination},
    sync::OnceLock,
    thread,
    time::Duration,
};

use lifecycle::{Config, Plan, on_shutdown};

use crate::{GRACE, HANG, app::App, flavour::Flavour, setup::Behaviour};

/// So that the destructor blocks before the deadline, at which everything ends anyway.
const BEFORE_THE_DEADLINE: Duration = Duration::from_secs(1);

/// `#[lifecycle::main]` makes functions without parameters.
static APP: OnceLock<App> = OnceLock::new();

pub(super) fn run(app: App, flavour: Flavour) -> ExitCode {
    APP.get_or_init(|| app);
    match flavour {
        Flavour::CurrentThread => current_thread().report(),
        Flavour::MultiThread1 => multi_thread_1().report(),
        Flavour::MultiThread2 => multi_thread_2().report(),
        Flavour::MultiThread4 => multi_thread_4().report(),
    }
}

#[lifecycle::main(flavor = "current_thread", config = config())]
async fn current_thread() {
    run_app().await;
}

#[lifecycle::main(worker_threads = 1, config = config())]
async fn multi_thread_1() {
    run_app().await;
}

#[lifecycle::main(worker_threads = 2, config = config())]
async fn multi_thread_2() {
    run_app().await;
}

#[lifecycle::main(worker_threads = 4, config = config())]
async fn multi_thread_4() {
    run_app().await;
}

async fn run_app() {
    let Some(app) = APP.get() else { return };
    for hook in app.hooks.iter().filter(|hook| !is_sync(hook.does)).cloned() {
        let mut builder = lifecycle::hook(hook.name.clone());
        if hook.does == Behaviour::BlocksInDrop {
            builder = builder.timeout(BEFORE_THE_DEADLINE);
        }
        builder.register(move || hook.run()).expect("hooks without edges");
    }
    app.main(lifecycle::draining()).await;
}

/// What blocks belongs into a sync hook.
#[on_shutdown(name = "hang-0")]
fn sync_hook() {
    thread::sleep(HANG);
}

fn config() -> Config {
    let plan = Plan::collect().expect("one hook");
    let has_sync = APP.get().is_some_and(|app| app.hooks.iter().any(|hook| is_sync(hook.does)));
    let plan = if has_sync { plan } else { plan.without::<sync_hook>() };
    Config::new().grace_period(GRACE).shutdown_delay(Duration::ZERO).plan(plan)
}

fn is_sync(does: Behaviour) -> bool {
    does == Behaviour::BlocksThePool
}
