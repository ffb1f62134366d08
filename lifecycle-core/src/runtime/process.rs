//! The process as a host: a thread of the library's own hears signals, keeps the time and drives. It uses
//! nothing of the application's runtime, so that an application that blocks its runtime is stopped all the
//! same. While nothing happens it sleeps without a timeout.

use std::{
    any::Any,
    io,
    sync::{Mutex, OnceLock, PoisonError, mpsc},
    thread::{self, ThreadId},
    time::Duration,
};

use tokio::runtime::Handle;

use super::{
    driver::Driver,
    exit::end_process,
    host::{Host, ProcessEnd},
    lifecycle::Lifecycle,
    linked::linked,
    registry::HookFuture,
};
use crate::{
    Signal, SignalSender,
    config::{Environment, Settings},
    machine::{Input, Moment, TeardownHook},
    os::{self, Call, Waker},
    report::files::ReportFiles,
    values::HookId,
};

/// How long the report may take to write on the way out.
const LAST_WRITE_TIMEOUT: Duration = Duration::from_millis(20);

pub(super) struct Process {
    /// The clock counts while the machine sleeps (`CLOCK_BOOTTIME` on Linux), as the platform's grace period
    /// does, and no change of the wall clock moves it.
    began: Duration,
    waker: OnceLock<&'static Waker>,
    thread: OnceLock<ThreadId>,
    signals: Mutex<Signals>,
}

#[derive(Default)]
struct Signals {
    /// Those whose handler is installed; it stays for the life of the process.
    installed: Vec<Signal>,
    /// Those that mean something.
    listened: Vec<Signal>,
}

impl Process {
    pub(super) fn new() -> Self {
        Self {
            began: os::boot_time(),
            waker: OnceLock::new(),
            thread: OnceLock::new(),
            signals: Mutex::default(),
        }
    }

    fn post_signals(&self, lifecycle: &Lifecycle, calls: Vec<Call>) {
        for call in calls {
            let Call::Signal(signal, sender) = call else { continue };
            if !self.listens_for(signal) {
                continue;
            }
            let by_key =
                signal == Signal::Int && !matches!(sender, Some(SignalSender::Process { .. }));
            let on_terminal = by_key && os::on_terminal();
            lifecycle.post(Input::Signal { signal, sender, on_terminal });
        }
    }

    /// The body of the thread.
    fn drive(&self, lifecycle: &'static Lifecycle, waker: &Waker) {
        let _ = self.thread.set(thread::current().id());
        let mut driver = Driver::new(lifecycle);
        loop {
            let wake = driver.turn();
            let timeout = wake.map(|wake| wake.since(self.now()));
            self.post_signals(lifecycle, waker.wait(timeout));
        }
    }

    fn listens_for(&self, signal: Signal) -> bool {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner).listened.contains(&signal)
    }
}

impl Host for Process {
    fn now(&self) -> Moment {
        Moment::new(os::boot_time().saturating_sub(self.began))
    }

    fn environment(&self) -> Environment {
        Environment::of_process(linked())
    }

    fn start(&'static self, lifecycle: &'static Lifecycle, signals: &[Signal]) -> io::Result<()> {
        let mut known = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let waker = match self.waker.get() {
            Some(waker) => *waker,
            None => {
                let waker: &'static Waker = Box::leak(Box::new(Waker::new()?));
                thread::Builder::new()
                    .name("lifecycle".to_owned())
                    .spawn(move || self.drive(lifecycle, waker))?;
                self.waker.get_or_init(|| waker)
            }
        };
        let new: Vec<_> =
            signals.iter().copied().filter(|signal| !known.installed.contains(signal)).collect();
        known.listened = signals.to_vec();
        known.installed.extend(&new);
        os::listen(waker, &new)
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    fn is_driving(&self) -> bool {
        self.thread.get() == Some(&thread::current().id())
    }

    /// The thread drives by itself.
    fn let_drive(&self) {}

    fn hear_signals(&self, lifecycle: &Lifecycle) {
        if let Some(waker) = self.waker.get() {
            self.post_signals(lifecycle, waker.wait(Some(Duration::ZERO)));
        }
    }

    fn eprint(&self, text: &str) {
        os::write_stderr(text);
    }

    fn stderr_is_terminal(&self) -> bool {
        os::stderr_is_terminal()
    }

    fn report_files(&self, settings: &Settings) -> Option<ReportFiles> {
        ReportFiles::wanted_by(settings)
    }

    fn launch(&self, driver: &mut Driver, hook: &TeardownHook, timeout: Duration) {
        driver.launch(hook, timeout);
    }

    fn wrap(&self, _: HookId, work: HookFuture) -> HookFuture {
        work
    }

    /// Nobody can.
    fn hold_clock(&self, _: Option<&Handle>) -> Option<Box<dyn Any + Send>> {
        None
    }

    fn announce_exit(&self) {
        os::announce_exit();
    }

    /// Writes what is known, for as long as nobody notices, and ends the process.
    fn end(&self, driver: &mut Driver, end: ProcessEnd) {
        if end.leaves_report
            && let Some(report_files) = driver.report_files()
        {
            let report = driver.last_report(end.culprits, end.code);
            let (done, written) = mpsc::channel();
            let thread = thread::Builder::new().spawn(move || {
                let _ = report_files.write(&report());
                let _ = done.send(());
            });
            if thread.is_ok() {
                let _ = written.recv_timeout(LAST_WRITE_TIMEOUT);
            }
        }
        end_process(end.code)
    }
}
