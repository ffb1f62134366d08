//! What a lifecycle needs of the world around it. For the lifecycle of the process that is the process
//! (`process`), for that of a test its scenario.

use std::{any::Any, io, time::Duration};

use tokio::runtime::Handle;

use super::{
    busy::BusyWatch,
    forced_exit::ForcedExit,
    on_run::OnRun,
    registry::{HookFuture, Start},
};
use crate::{
    Report, Signal,
    config::{Environment, Settings},
    machine::{Input, Moment},
    os::{LastResort, LastResortError, Listening},
    report::files::ReportFiles,
    values::HookId,
};

pub(crate) trait Host: Send + Sync {
    fn now(&self) -> Moment;

    /// The environment that counts.
    fn environment(&self) -> Environment;

    /// What linked crates begin with the run.
    fn begins(&self) -> Vec<OnRun>;

    /// Drives the lifecycle from here on, and hears the signals of these settings and no others.
    fn start(&self, settings: &Settings) -> io::Result<()>;

    /// Ends the process at that moment and with that code where nobody else does, saying `words`;
    /// `None`: nobody ends it.
    fn guard(&self, at: Option<(Moment, u8)>, words: String);

    /// Ends the process at that moment at the latest, however this goes on.
    fn guard_the_end(&self, at: Moment, code: u8);

    /// A stop is asked for: the process ends as it would after a signal, unless somebody says when.
    fn guard_request(&self);

    /// How the signals stand that these settings listen for.
    fn listening(&self, signals: &[Signal]) -> Vec<Listening>;

    /// Has the driver take a turn. Never blocks.
    fn wake(&self);

    /// Says so once where this is not the process that drives: it was forked from it.
    fn check_process(&self);

    /// Whether the calling thread is in a turn: it cannot wait for one.
    fn is_driving(&self) -> bool;

    /// What was posted will be taken without the caller's doing, or is taken now.
    fn let_drive(&self);

    /// Tells the service manager that the stop goes on for so long from now; whether it was told.
    fn extend(&self, time: Duration) -> bool;

    /// The signals that have come and were not taken yet.
    fn take_signals(&self) -> Vec<Input>;

    /// Writes to stderr; gives up rather than block.
    fn eprint(&self, text: &str);

    fn stderr_is_terminal(&self) -> bool;

    /// The files that a report is written to.
    fn report_files(&self, settings: &Settings) -> Option<ReportFiles>;

    /// What is run in the place of the hook's own work.
    fn replacement(&self, hook: HookId, name: &str) -> Option<Replacement>;

    /// The hook's own work, as it is to be run.
    fn wrap(&self, hook: HookId, work: HookFuture) -> HookFuture;

    /// While what it returns lives, the clock stands still for a thread that is at work, where it can.
    fn hold_clock(&self, runtime: Option<&Handle>) -> Option<Box<dyn Any + Send>>;

    /// The first word about how the process ends now is about to be said: main may return meanwhile, and
    /// must not make that a lie.
    fn announce_exit(&self);

    /// Takes it where the host looks itself at what is in flight, on its clock; what it gives back
    /// is for a thread.
    fn take_busy_watch(&self, watch: BusyWatch) -> Option<BusyWatch>;

    /// Has it done when the process is ended, while what it returns lives.
    fn add_last_resort(
        &self,
        what: LastResort,
    ) -> Result<Box<dyn Any + Send + Sync>, LastResortError>;

    /// What is not done at the end where there is no process to end, in words.
    fn undone_last_words(&self, forced_exit: &ForcedExit) -> Vec<String>;

    /// Ends the process. Where there is none to end, the report comes back, made.
    fn end(
        &self,
        code: u8,
        files: Option<ReportFiles>,
        report: LastReport,
        forced_exit: &ForcedExit,
    ) -> Option<Report>;
}

/// Work in the place of a hook's own. It needs no resources.
pub(crate) struct Replacement {
    pub(crate) start: Start,
    /// Whether it goes when it is cancelled.
    pub(crate) goes: bool,
}

/// Makes the report of a process that is ended: it may take its time.
pub(crate) type LastReport = Box<dyn FnOnce() -> Report + Send>;
