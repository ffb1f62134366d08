//! What runs. `lifecycle` is what everybody may touch, `driver` what only the thread has that drives it: the
//! pure machine and what carries its decisions out. `inbox` is the one way from the first to the second,
//! `host` what both need of the world: the `process`, or the scenario of a test.
//!
//! A stop by signal: `process` reads it, `driver` puts it through the machine, `effects` carries out what that
//! decides, with `launch` for hooks; `report` and `publication` are its end, `deadline` and `exit` the end by
//! force. `watchdog` names who does not yield meanwhile. `entry` and `run` are how it all begins.

mod announce;
mod busy;
mod component_set;
mod components;
mod deadline;
mod driver;
mod effects;
mod entry;
mod exit;
mod forced_exit;
mod guard;
mod handle;
mod host;
mod inbox;
mod jobs;
mod kept;
mod last_resort;
mod late_plan;
mod launch;
mod lifecycle;
mod linked;
mod log;
mod main_task;
mod notes;
mod observer;
mod observers;
mod on_run;
mod process;
mod publication;
mod readiness;
mod registration;
mod registry;
mod report;
mod report_slot;
mod run;
mod running;
mod span;
mod start_line;
mod status;
mod threads;
mod watchdog;

#[cfg(feature = "testing")]
pub(crate) use self::run::MainFailure;
#[cfg(feature = "testing")]
pub(crate) use self::{
    busy::{BUSY_INTERVAL, BusyWatch},
    driver::Driver,
    forced_exit::ForcedExit,
    host::{Host, LastReport, Replacement},
    log::Log,
    registry::HookFuture,
    run::run_under,
};
pub use self::{
    entry::{MainExit, install, main},
    handle::Handle,
    jobs::{JobCounts, JobStatus},
    last_resort::LastResortHandle,
    observer::{Observer, ObserverHandle, observe},
    on_run::OnRun,
    run::{MainResult, run},
    status::{DrainStatus, HookStatus, Status},
};
pub(crate) use self::{
    lifecycle::{Lifecycle, Published},
    linked::linked,
    registry::Start,
};
