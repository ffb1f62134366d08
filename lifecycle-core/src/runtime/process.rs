//! The process as a host: a thread of the library's own hears signals, keeps the time and drives. It uses
//! nothing of the application's runtime, so that an application that blocks its runtime is stopped all the
//! same. While nothing happens it sleeps without a timeout.

use std::{
    any::Any,
    io,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, mpsc},
    thread::{self, ThreadId},
    time::Duration,
};

use tokio::runtime::Handle;

use super::{
    driver::Driver,
    exit::end_process,
    host::{Host, LastReport, Replacement},
    lifecycle::Lifecycle,
    linked::linked,
    log::Log,
    registry::HookFuture,
};
use crate::{
    Report, Signal, SignalSender,
    admission::{Gate, context},
    config::{Environment, Settings},
    machine::{Input, Moment},
    os::{self, Call, LastResort, LastResortError, Waker},
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

    fn signals_of(&self, calls: Vec<Call>) -> Vec<Input> {
        let listened = |call| match call {
            Call::Signal(signal, sender) if self.listens_for(signal) => Some((signal, sender)),
            _ => None,
        };
        let signals = calls.into_iter().filter_map(listened).map(|(signal, sender)| {
            let by_key =
                signal == Signal::Int && !matches!(sender, Some(SignalSender::Process { .. }));
            Input::Signal { signal, sender, on_terminal: by_key && os::on_terminal() }
        });
        signals.collect()
    }

    fn listens_for(&self, signal: Signal) -> bool {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner).listened.contains(&signal)
    }
}

impl Lifecycle {
    /// That of the process.
    pub(crate) fn process() -> &'static Self {
        static PROCESS: LazyLock<&'static Lifecycle> = LazyLock::new(|| {
            Lifecycle::make(Arc::clone(Gate::process()), process(), Log::on_a_thread())
        });
        &PROCESS
    }

    /// That of the scenario on this thread, else that of the process.
    pub(crate) fn current() -> &'static Self {
        let owner = context::own_gate().and_then(|gate| gate.owner());
        owner.and_then(|owner| owner.downcast_ref()).unwrap_or_else(Self::process)
    }
}

fn process() -> &'static Process {
    static PROCESS: LazyLock<Process> = LazyLock::new(Process::new);
    &PROCESS
}

/// The body of the thread.
fn drive(process: &'static Process, waker: &'static Waker) {
    let _ = process.thread.set(thread::current().id());
    let lifecycle = Lifecycle::process();
    let mut driver = Driver::new(lifecycle);
    loop {
        let wake = driver.turn();
        let timeout = wake.map(|wake| wake.since(process.now()));
        for signal in process.signals_of(waker.wait(timeout)) {
            lifecycle.post(signal);
        }
    }
}

impl Host for Process {
    fn now(&self) -> Moment {
        Moment::new(os::boot_time().saturating_sub(self.began))
    }

    fn environment(&self) -> Environment {
        Environment::of_process(linked())
    }

    fn start(&self, signals: &[Signal]) -> io::Result<()> {
        let mut known = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let waker = match self.waker.get() {
            Some(waker) => *waker,
            None => {
                let waker: &'static Waker = Box::leak(Box::new(Waker::new()?));
                os::guard::start()?;
                os::spawn("lifecycle", move || drive(process(), waker))?;
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

    fn take_signals(&self) -> Vec<Input> {
        let calls = self.waker.get().map(|waker| waker.wait(Some(Duration::ZERO)));
        self.signals_of(calls.unwrap_or_default())
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

    fn replacement(&self, _: HookId, _: &str) -> Option<Replacement> {
        None
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

    fn add_last_resort(
        &self,
        what: LastResort,
    ) -> Result<Box<dyn Any + Send + Sync>, LastResortError> {
        Ok(Box::new(os::last_resort::add(what)?))
    }

    fn undone_last_resorts(&self) -> Vec<String> {
        Vec::new()
    }

    /// Writes what is known, for as long as nobody notices, and ends the process.
    fn end(&self, code: u8, files: Option<ReportFiles>, report: LastReport) -> Option<Report> {
        if let Some(files) = files {
            let (done, written) = mpsc::channel();
            let thread = thread::Builder::new().spawn(move || {
                let _ = files.write(&report(), LAST_WRITE_TIMEOUT);
                let _ = done.send(());
            });
            if thread.is_ok() {
                let _ = written.recv_timeout(LAST_WRITE_TIMEOUT);
            }
        }
        end_process(code)
    }
}
