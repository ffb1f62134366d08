//! What all cases share.

use std::{
    future::Future,
    process::{ExitCode, Termination},
    time::Duration,
};

use lifecycle::{Config, Plan, Platform, hook::MainResult, plan::HookSet};
use tokio::runtime::Runtime;

/// Prints a line that the test waits for; a stdout that is gone or blocks must not be this line's
/// affair.
pub(crate) fn say(line: impl AsRef<str>) {
    match std::env::var_os("UP") {
        Some(path) => {
            if let Err(error) = std::fs::write(path, line.as_ref()) {
                panic!("cannot say {}: {error}", line.as_ref());
            }
        }
        None => println!("{}", line.as_ref()),
    }
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
    say("up");
    draining.await;
}

/// Blocks the thread for ever.
pub(crate) fn block() -> ! {
    loop {
        std::thread::park();
    }
}

/// Blocks the thread.
pub(crate) fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// Its destructor does not return.
pub(crate) struct Immortal;

impl Drop for Immortal {
    fn drop(&mut self) {
        block();
    }
}
