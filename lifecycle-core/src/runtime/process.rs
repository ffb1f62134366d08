//! The process as a host: a thread of the library's own hears signals, keeps the time and drives. It uses
//! nothing of the application's runtime, so that an application that blocks its runtime is stopped all the
//! same. While nothing happens it sleeps without a timeout.

use std::{
    any::Any,
    io,
    sync::{
        Arc, LazyLock, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use tokio::runtime::Handle;

use super::{
    busy::BusyWatch,
    driver::Driver,
    exit::end_process,
    forced_exit::ForcedExit,
    guard::{self, LAST_WRITE_TIMEOUT},
    host::{Host, LastReport, Replacement},
    lifecycle::Lifecycle,
    linked::linked,
    log::Log,
    on_run::OnRun,
    registry::HookFuture,
};
use crate::{
    Report, Signal, SignalSender,
    admission::{Gate, context},
    config::{Environment, ServiceManager, Settings},
    foreign,
    machine::{DEADLINE_CODE, Input, Moment, STOPPED_JOB_CODE},
    os::{self, Call, LastResort, LastResortError, Listening, Unbounded, Waker},
    report::files::ReportFiles,
    values::HookId,
};

/// How long the thread's start is waited for: somebody may hold the loader's lock already, for ever.
const START_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Process {
    /// The clock counts while the machine sleeps (`CLOCK_BOOTTIME` on Linux), as the platform's grace period
    /// does, and no change of the wall clock moves it.
    began: Duration,
    /// Once the thread is started.
    waker: RwLock<Option<&'static Waker>>,
    signals: Mutex<Signals>,
    /// How long after a request the guard comes, and with which code.
    guard_after: Mutex<Option<(Duration, u8)>>,
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
            waker: RwLock::default(),
            signals: Mutex::default(),
            guard_after: Mutex::default(),
        }
    }

    /// Of the process whose thread runs: a forked child has only the memory.
    fn waker(&self) -> Option<&'static Waker> {
        *self.waker.read().unwrap_or_else(PoisonError::into_inner)
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
fn drive(process: &'static Process, waker: &'static Waker, ready: &mpsc::SyncSender<()>) {
    foreign::keep_out();
    os::run_first();
    os::fork::wakes();
    // Tokio's thread-local is made now: later somebody may hold the loader's lock, which that needs.
    let _ = Handle::try_current();
    let _ = ready.try_send(());
    let lifecycle = Lifecycle::process();
    let mut driver = Driver::new(lifecycle);
    loop {
        let wake = driver.turn();
        let timeout = wake.map(|wake| wake.since(process.now()));
        let foreign = foreign::look(|serve| {
            if let Some(runtime) = lifecycle.runtime() {
                runtime.spawn(async move { serve.serve() });
            }
        });
        let timeout = [timeout, foreign].into_iter().flatten().min();
        os::fork::sleeps();
        let calls = waker.wait(timeout);
        os::fork::wakes();
        for signal in process.signals_of(calls) {
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

    fn begins(&self) -> Vec<OnRun> {
        OnRun::linked()
    }

    fn take_busy_watch(&self, watch: BusyWatch) -> Option<BusyWatch> {
        Some(watch)
    }

    fn start(&self, settings: &Settings) -> io::Result<()> {
        let mut known = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let waker = match self.waker().filter(|_| !os::is_forked_child()) {
            Some(waker) => waker,
            None => {
                let waker: &'static Waker = Box::leak(Box::new(Waker::new()?));
                os::fork::watch();
                os::guard::start()?;
                os::guard::set_driver(waker);
                let (ready, is_ready) = mpsc::sync_channel(1);
                os::spawn("lifecycle", move || drive(process(), waker, &ready))?;
                // Back from here it needs no lock of the loader, unless that was held all the while.
                let _ = is_ready.recv_timeout(START_TIMEOUT);
                known.installed.clear();
                *self.waker.write().unwrap_or_else(PoisonError::into_inner) = Some(waker);
                waker
            }
        };
        let signals = &settings.signals;
        let new: Vec<_> =
            signals.iter().copied().filter(|signal| !known.installed.contains(signal)).collect();
        known.listened.clone_from(signals);
        known.installed.extend(&new);
        os::listen(waker, &new)?;
        let after = guard::after_a_request(settings);
        // A job that a signal interrupts says so.
        let by_signal = if settings.job { os::guard::CODE_OF_SIGNAL } else { DEADLINE_CODE };
        os::guard::arm_by_signals(after.map(|after| (&**signals, after, by_signal)));
        let by_request = if settings.job { STOPPED_JOB_CODE } else { DEADLINE_CODE };
        *self.guard_after.lock().unwrap_or_else(PoisonError::into_inner) =
            after.map(|after| (after, by_request));
        Ok(())
    }

    fn guard(&self, at: Option<(Moment, u8)>, words: String) {
        match at {
            Some((at, code)) => {
                os::guard::set_words(words);
                os::guard::arm(self.began.saturating_add(at.reading()), code);
            }
            None => {
                os::guard::disarm();
            }
        }
    }

    fn guard_the_end(&self, at: Moment, code: u8) {
        os::guard::arm_earlier(self.began.saturating_add(at.reading()), code);
    }

    fn guard_request(&self) {
        let after = *self.guard_after.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((after, code)) = after {
            os::guard::arm_first(os::boot_time().saturating_add(after), code);
        }
    }

    fn listening(&self, signals: &[Signal]) -> Vec<Listening> {
        os::listening(signals)
    }

    fn wake(&self) {
        self.check_process();
        if let Some(waker) = self.waker() {
            waker.wake();
        }
    }

    fn check_process(&self) {
        if os::is_forked_child() {
            say_deaf();
        }
    }

    fn is_driving(&self) -> bool {
        foreign::is_kept_out()
    }

    /// The thread drives by itself.
    fn let_drive(&self) {}

    fn extend(&self, time: Duration) -> bool {
        ServiceManager::linked().is_some_and(|manager| manager.extend(time))
    }

    fn take_signals(&self) -> Vec<Input> {
        let calls = self.waker().map(|waker| waker.wait(Some(Duration::ZERO)));
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

    fn undone_last_words(&self, _: &ForcedExit) -> Vec<String> {
        Vec::new()
    }

    /// Writes what is known, for as long as nobody notices, and ends the process.
    fn end(
        &self,
        code: u8,
        files: Option<ReportFiles>,
        report: LastReport,
        forced_exit: &ForcedExit,
    ) -> Option<Report> {
        if let Some(files) = files {
            let write = move || files.write(&report(), LAST_WRITE_TIMEOUT);
            match os::bounded("lifecycle-file", LAST_WRITE_TIMEOUT, write) {
                Err(Unbounded::NoThread(error)) => {
                    self.eprint(&format!("lifecycle: the report is not written: {error}\n"));
                }
                // There is no time left to say more.
                Ok(_) | Err(Unbounded::Late | Unbounded::Panicked) => {}
            }
        }
        forced_exit.call();
        end_process(code)
    }
}

/// In a process that was forked after the lifecycle began: it has the memory and none of the threads.
fn say_deaf() {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        os::write_stderr(
            "lifecycle: this process was forked from the one that runs the lifecycle: no signal is heard and no hook \
             runs in it; fork before lifecycle::install and lifecycle::run\n",
        );
    }
}
