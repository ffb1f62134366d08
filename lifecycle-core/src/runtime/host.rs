//! What a lifecycle needs of the world around it. For the lifecycle of the process that is the process
//! (`process`), for that of a test its scenario.

use std::{any::Any, io, time::Duration};

use tokio::runtime::Handle;

use super::{driver::Driver, lifecycle::Lifecycle, registry::HookFuture};
use crate::{
    Signal,
    config::{Environment, Settings},
    machine::{Moment, TeardownHook},
    report::files::ReportFiles,
    values::HookId,
};

pub(crate) trait Host: Send + Sync {
    fn now(&self) -> Moment;

    /// The environment that counts.
    fn environment(&self) -> Environment;

    /// Drives the lifecycle from here on, and makes it hear `signals` and no others.
    fn start(&'static self, lifecycle: &'static Lifecycle, signals: &[Signal]) -> io::Result<()>;

    /// Has the driver take a turn. Never blocks.
    fn wake(&self);

    /// Whether the calling thread is in a turn: it cannot wait for one.
    fn is_driving(&self) -> bool;

    /// What was posted will be taken without the caller's doing, or is taken now.
    fn let_drive(&self);

    /// Posts the signals that have come and were not posted yet.
    fn hear_signals(&self, lifecycle: &Lifecycle);

    /// Writes to stderr; gives up rather than block.
    fn eprint(&self, text: &str);

    fn stderr_is_terminal(&self) -> bool;

    /// The files that a report is written to.
    fn report_files(&self, settings: &Settings) -> Option<ReportFiles>;

    /// Starts the hook, which will be cancelled after `timeout`.
    fn launch(&self, driver: &mut Driver, hook: &TeardownHook, timeout: Duration);

    /// The hook's own work, as it is to be run.
    fn wrap(&self, hook: HookId, work: HookFuture) -> HookFuture;

    /// While what it returns lives, the clock stands still for a thread that is at work, where it can.
    fn hold_clock(&self, runtime: Option<&Handle>) -> Option<Box<dyn Any + Send>>;

    /// The first word about how the process ends now is about to be said: main may return meanwhile, and
    /// must not make that a lie.
    fn announce_exit(&self);

    /// Ends the process.
    fn end(&self, driver: &mut Driver, end: ProcessEnd);
}

/// How the process is ended.
pub(crate) struct ProcessEnd {
    pub(crate) code: u8,
    /// Who holds it, a line each.
    pub(crate) culprits: Vec<String>,
    /// Whether there is no report yet.
    pub(crate) leaves_report: bool,
}
