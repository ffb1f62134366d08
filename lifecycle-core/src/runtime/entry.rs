//! What `#[lifecycle::main]` expands to, and `install` for a main that is made by hand.

use std::{
    io,
    process::{ExitCode, Termination},
    time::Duration,
};

use tokio::runtime::Runtime;

use super::{
    exit::end_process,
    lifecycle::Lifecycle,
    linked::linked,
    run::{MainResult, Prepared, invalid, run_under},
};
use crate::{
    Config, Reason, Report, Signal,
    budget::Workload,
    config::Environment,
    foreign::contain,
    machine::{CONFIGURATION_CODE, Input, exit_code_of},
    os,
    report::Problem,
};

/// Hears signals from here on, before a runtime exists: one that comes now is remembered, and `run` begins
/// with the stop. Answers `LIFECYCLE_PLAN` for the hooks that the program is linked with: prints what it asks
/// for and ends the process. What is wrong with the plan or the environment is left to `run`, which may have
/// a repaired plan. Call it first in a `main` that builds its own runtime; `#[lifecycle::main]` does it for
/// you. Calling it again does nothing more.
///
/// Where the system grants no thread, the process ends here, with 78.
pub fn install() {
    let prepared = Prepared::new(&Config::new(), &Environment::of_process(linked()));
    if prepared.settings.plan_answer.is_some() {
        end_if_answered(&prepared);
    }
    hear_or_end(&prepared);
}

impl Config {
    /// What [`install`] does, for this configuration: its signals are heard, and its plan is what
    /// `LIFECYCLE_PLAN` is answered with. A plan, configuration or environment that is invalid ends the
    /// process here, with 78; so does a system that grants no thread.
    pub fn install(&self) {
        let prepared = Prepared::new(self, &Environment::of_process(linked()));
        end_if_answered(&prepared);
        hear_or_end(&prepared);
    }
}

fn end_if_answered(prepared: &Prepared) {
    if let Some(report) = prepared.answer(Lifecycle::process().host) {
        end_process(report.exit_code());
    }
}

fn hear_or_end(prepared: &Prepared) {
    if let Err(error) = hear(prepared) {
        end_process(refuse(&error));
    }
}

/// Says why the service does not start; the exit code.
fn refuse(error: &io::Error) -> u8 {
    let report = invalid(vec![Problem::NoSignals(error.to_string())]);
    report.exit_code()
}

fn hear(prepared: &Prepared) -> io::Result<()> {
    let lifecycle = Lifecycle::process();
    let settings = Box::new(prepared.settings.clone());
    lifecycle.post(Input::Prepared { settings, workload: Workload::from(&prepared.plan) });
    lifecycle.host.start(&prepared.settings)
}

/// How long a runtime may take to build.
const BUILD_TIMEOUT: Duration = Duration::from_secs(10);

const NOT_BUILT: &str = "lifecycle: the runtime has not been built within 10s: exit 78; see RLIMIT_NPROC (ulimit -u) \
                         and the cgroup's pids.max\n";

/// The body of `#[lifecycle::main]`: signals first, then the runtime, then main under the lifecycle, then
/// the runtime's end in the time that is left.
#[doc(hidden)]
pub fn main<F, M>(config: Config, build: impl FnOnce() -> io::Result<Runtime>, main: F) -> MainExit
where
    F: FnOnce() -> M,
    M: Future<Output: MainResult>,
{
    let prepared = Prepared::new(&config, &Environment::of_process(linked()));
    if let Some(report) = prepared.answer(Lifecycle::process().host) {
        return MainExit(report.exit_code());
    }
    if let Err(error) = hear(&prepared) {
        return MainExit(refuse(&error));
    }
    #[cfg(unix)]
    if prepared.settings.job {
        os::job_end::prepare();
    }
    let lifecycle = Lifecycle::process();
    lifecycle.post(Input::UnderMain);
    // Tokio panics where it gets no thread, and then may wait for those that it got, for ever.
    let late = os::boot_time() + BUILD_TIMEOUT;
    os::guard::set_words(NOT_BUILT.to_owned());
    os::guard::arm_first(late, CONFIGURATION_CODE);
    let built = contain(build);
    os::guard::disarm_if(late, CONFIGURATION_CODE);
    let runtime = match built.map(|built| built.map_err(|error| error.to_string())) {
        Ok(Ok(runtime)) => runtime,
        Ok(Err(why)) | Err(why) => {
            return MainExit(invalid(vec![Problem::NoRuntimeToBeHad(why)]).exit_code());
        }
    };
    let report = runtime.block_on(async { run_under(config, main(), true).await });
    let left = lifecycle.time_left().unwrap_or(Duration::MAX);
    let timeout = prepared.settings.exit_timeout.value.min(left) / 2;
    let began = lifecycle.now();
    runtime.shutdown_timeout(timeout);
    if lifecycle.now().since(began) >= timeout {
        lifecycle.eprint(&format!(
            "the runtime did not end within {timeout:.1?} and is left behind; threads still there: {}",
            os::thread_names().join(", ")
        ));
    }
    #[cfg(unix)]
    if let Some(signal) = interrupted_by(&prepared, &report) {
        os::job_end::end_by(signal);
    }
    MainExit(report.exit_code())
}

/// The signal that a shell is to see as the end of a job that it interrupted.
#[cfg(unix)]
fn interrupted_by(prepared: &Prepared, report: &Report) -> Option<Signal> {
    let Reason::Signal { signal, .. } = *report.reason() else { return None };
    let is_ours = matches!(signal, Signal::Int | Signal::Term | Signal::Hup);
    let interrupted = report.exit_code() == exit_code_of(signal);
    (prepared.settings.job && is_ours && interrupted).then_some(signal)
}

/// What a `main` under `#[lifecycle::main]` returns: the exit code of its report.
#[doc(hidden)]
#[derive(Debug)]
pub struct MainExit(u8);

impl Termination for MainExit {
    fn report(self) -> ExitCode {
        os::yield_to_exit();
        ExitCode::from(self.0)
    }
}
