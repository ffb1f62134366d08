//! `#[lifecycle::main]` where there is too little to start, or where it fails: `attack-attribute <runtime>`.

use std::process::{ExitCode, Termination};

use lifecycle::{Config, Plan, Platform, Site, on_shutdown};
use lifecycle_attack_tests::os;

fn config() -> Config {
    let plan = Plan::declared();
    let plan = if fails_in("hook") { plan.only::<fails>() } else { plan.only::<note>() };
    Config::new().platform(Platform::Unknown).plan(plan).job(fails_in("job"))
}

#[on_shutdown(timeout = "500ms")]
async fn note() {
    os::say("hook: note");
}

#[on_shutdown(timeout = "500ms")]
async fn fails() -> Result<(), &'static str> {
    os::say("hook: fails");
    Err("no such luck")
}

/// `FAILS=hook`, `main`, `panic`, `job`, `call`.
fn fails_in(what: &str) -> bool {
    std::env::var("FAILS").is_ok_and(|fails| fails == what)
}

#[lifecycle::main(flavor = "current_thread", config = config())]
async fn current_thread() -> Result<(), &'static str> {
    serve().await
}

#[lifecycle::main(worker_threads = 2, config = config())]
async fn workers() -> Result<(), &'static str> {
    serve().await
}

async fn serve() -> Result<(), &'static str> {
    static CALLS: Site = Site::new("calls");
    if fails_in("call") {
        std::mem::forget(CALLS.admit());
    }
    let draining = lifecycle::draining();
    os::say("up");
    if let Some(path) = std::env::var_os("UP") {
        // For which no descriptor is needed.
        std::fs::create_dir(path).unwrap_or_else(|error| panic!("cannot say so: {error}"));
    }
    draining.await;
    assert!(!fails_in("panic"), "no such luck");
    if fails_in("main") { Err("no such luck") } else { Ok(()) }
}

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("current_thread") => current_thread().report(),
        Some("install") => {
            config().install();
            os::say("up");
            os::block()
        }
        _ => workers().report(),
    }
}
