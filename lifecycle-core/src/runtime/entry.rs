//! What `#[lifecycle::main]` expands to, and `install` for a main that is made by hand.

use std::{
    io,
    process::{ExitCode, Termination},
    time::Duration,
};

use tokio::runtime::Runtime;

use super::{
    finish::end_process,
    lifecycle::Lifecycle,
    run::{MainResult, Prepared, run_under},
};
use crate::{Config, Report, settings::Environment, sys};

/// Hears signals from here on, before a runtime exists: one that comes now is remembered, and `run` begins
/// with the stop. Answers `LIFECYCLE_PLAN`: prints what it asks for and ends the process. Call it first in
/// a `main` that builds its own runtime; `#[lifecycle::main]` does it for you. Calling it again does
/// nothing more.
///
/// # Panics
///
/// When the system grants no thread or no socket.
pub fn install() {
    if let Err(report) = install_with(&Config::new()) {
        end_process(report.exit_code());
    }
}

/// Starts hearing, unless there is something to say instead of running.
fn install_with(config: &Config) -> Result<Prepared, Report> {
    let prepared = Prepared::new(config, &Environment::of_process());
    if let Some(report) = prepared.answer() {
        return Err(report);
    }
    let lifecycle = Lifecycle::process();
    if let Err(error) = lifecycle.supervisor.start(lifecycle, &prepared.settings.signals) {
        panic!("lifecycle: signals cannot be heard: {error}");
    }
    Ok(prepared)
}

/// The body of `#[lifecycle::main]`: signals first, then the runtime, then main under the lifecycle, then
/// the runtime's end in the time that is left.
#[doc(hidden)]
pub fn main<F, M>(config: Config, build: impl FnOnce() -> io::Result<Runtime>, main: F) -> MainExit
where
    F: FnOnce() -> M,
    M: Future<Output: MainResult>,
{
    let prepared = match install_with(&config) {
        Ok(prepared) => prepared,
        Err(report) => return MainExit(report.exit_code()),
    };
    let lifecycle = Lifecycle::process();
    lifecycle.machine().arm();
    let runtime = match build() {
        Ok(runtime) => runtime,
        Err(error) => {
            lifecycle.say(&format!("no runtime could be built: {error}"));
            return MainExit(1);
        }
    };
    let report = runtime.block_on(async { run_under(config, main(), true).await });
    let left = lifecycle.machine().time_left(lifecycle.now()).unwrap_or(Duration::MAX);
    let patience = prepared.settings.exit_timeout.value.min(left) / 2;
    let began = lifecycle.now();
    runtime.shutdown_timeout(patience);
    if lifecycle.now().saturating_sub(began) >= patience {
        lifecycle.say(&format!(
            "the runtime did not end within {patience:.1?} and is left behind; threads still there: {}",
            sys::thread_names().join(", ")
        ));
    }
    MainExit(report.exit_code())
}

/// What a `main` under `#[lifecycle::main]` returns: the exit code of its report.
#[doc(hidden)]
#[derive(Debug)]
pub struct MainExit(u8);

impl Termination for MainExit {
    fn report(self) -> ExitCode {
        sys::yield_to_exit();
        ExitCode::from(self.0)
    }
}
