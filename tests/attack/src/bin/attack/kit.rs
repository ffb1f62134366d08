//! What all attacks share.

use std::{
    future::Future,
    process::{ExitCode, Termination},
    time::Duration,
};

use lifecycle::{Config, Plan, Platform, hook::MainResult, on_shutdown, plan::HookSet};
use lifecycle_attack_tests::os;
use tokio::runtime::{Builder, Runtime};

pub(crate) fn runtime_of(kind: &str) -> Runtime {
    let mut builder = match kind.parse() {
        Ok(workers) => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(workers);
            builder
        }
        Err(_) => Builder::new_current_thread(),
    };
    builder.enable_all().build().unwrap_or_else(|error| panic!("no runtime: {error}"))
}

/// Nothing of the machine's own platform; the tests set the numbers by environment.
pub(crate) fn only<S: HookSet>() -> Config {
    Config::new().platform(Platform::Unknown).plan(Plan::declared().only::<S>())
}

/// As most mains end: the report, then the destructor of the runtime, then the return.
pub(crate) fn serve<S: HookSet>(
    runtime: Runtime,
    main: impl Future<Output: MainResult>,
) -> ExitCode {
    let report = runtime.block_on(only::<S>().run(main));
    drop(runtime);
    report.report()
}

/// A service that does as it is told.
pub(crate) async fn obedient() {
    let draining = lifecycle::draining();
    os::say("up");
    draining.await;
}

#[on_shutdown(timeout = "500ms")]
pub(crate) async fn note() {
    os::say("hook: note");
}

/// With a place in the source, for whoever has to name it.
#[on_shutdown(timeout = "1500ms")]
pub(crate) async fn blocks() {
    os::say("hook: blocks");
    os::block();
}

#[on_shutdown(timeout = "500ms")]
pub(crate) async fn fails() -> Result<(), &'static str> {
    os::say("hook: fails");
    Err("no such luck")
}

/// Blocks the thread.
pub(crate) fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// A number of the environment.
pub(crate) fn number(name: &str) -> u64 {
    let text = std::env::var(name).unwrap_or_default();
    text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}"))
}

/// Starts a thread of the application.
pub(crate) fn thread(body: impl FnOnce() + Send + 'static) {
    if let Err(error) = std::thread::Builder::new().name("application".to_owned()).spawn(body) {
        panic!("no thread: {error}");
    }
}
