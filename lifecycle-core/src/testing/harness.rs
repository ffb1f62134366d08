//! A scenario as the host of a lifecycle: a task on the clock of the test's runtime drives it, hooks may be
//! given something else to do, nothing reaches the process, and what would end it is the report's exit code.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap, HashSet},
    future::poll_fn,
    io,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    task::Poll,
    thread::{self, ThreadId},
    time::Duration,
};

use tokio::{runtime::Handle, sync::Notify, time::Instant};

use super::clock_guard::{ClockGuard, REAL_TIME_LIMIT};
use crate::{
    Report, Signal,
    admission::context,
    config::{Environment, Settings},
    foreign::contain,
    machine::{Input, Moment},
    os::{LastResort, LastResortError, Listening, last_resort},
    report::files::ReportFiles,
    runtime::{
        BUSY_INTERVAL, BusyWatch, Driver, ForcedExit, HookFuture, Host, LastReport, Lifecycle,
        OnRun, Replacement, Start,
    },
    values::HookId,
};

pub(super) struct Harness {
    began: Instant,
    wake: Notify,
    driver: OnceLock<Mutex<Driver>>,
    /// The thread on which a turn is being taken.
    turning: Mutex<Option<ThreadId>>,
    faults: Mutex<HashMap<HookId, Fault>>,
    /// Of hooks that have no type: they are registered at run time.
    named_faults: Mutex<HashMap<String, Fault>>,
    /// The hooks that wait for something outside of the runtime.
    outside: Mutex<HashSet<HookId>>,
    last_resorts: Arc<Mutex<BTreeMap<u64, String>>>,
    /// The closures of `Config::on_busy`.
    busy: Mutex<Vec<BusyWatch>>,
}

/// A last resort that is listed until this is dropped.
struct Listed {
    id: u64,
    list: Arc<Mutex<BTreeMap<u64, String>>>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        lock(&self.list).remove(&self.id);
    }
}

/// What a hook does instead of its own work.
pub(super) enum Fault {
    /// This.
    Play(Start),
    /// It blocks its thread for so long: it cannot be stopped, and then it ends by itself.
    Block(Duration),
}

/// While it lives, and for 10 s of real time at most, a paused clock does not jump: something is at work
/// that takes no virtual time.
pub(super) struct RealTimeHold {
    _over: mpsc::Sender<()>,
}

impl RealTimeHold {
    pub(super) fn new(runtime: &Handle) -> Self {
        let (working, over) = mpsc::channel();
        // A paused clock waits for blocking tasks.
        runtime.spawn_blocking(move || over.recv_timeout(REAL_TIME_LIMIT));
        Self { _over: working }
    }
}

impl Harness {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            wake: Notify::new(),
            driver: OnceLock::new(),
            turning: Mutex::default(),
            faults: Mutex::default(),
            named_faults: Mutex::default(),
            outside: Mutex::default(),
            last_resorts: Arc::default(),
            busy: Mutex::default(),
        }
    }

    /// Drives the lifecycle from here on, when it is asked to.
    pub(super) fn attach(&self, lifecycle: &'static Lifecycle) {
        let _ = self.driver.set(Mutex::new(Driver::new(lifecycle)));
    }

    /// Drives the lifecycle until its report is final.
    pub(super) async fn drive(&self, lifecycle: &'static Lifecycle) {
        let mut guard = ClockGuard::new();
        loop {
            let wake = self.turn();
            let is_over = lifecycle.report().is_some();
            let looks =
                self.look_whether_busy(lifecycle, !is_over && lifecycle.gate.in_flight() > 0);
            if is_over {
                return;
            }
            let look = looks.then(|| self.now().after(BUSY_INTERVAL));
            let wake = wake.into_iter().chain(look).min();
            guard.renew();
            let mut woken = pin!(self.wake.notified());
            let Some(wake) = wake else {
                woken.await;
                continue;
            };
            let mut due = pin!(guard.wait(wake.since(self.now())));
            let woken = poll_fn(|cx| match woken.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => due.as_mut().poll(cx),
            });
            woken.await;
        }
    }

    /// Whether anybody wants to be told. A closure that panics is told nothing more.
    fn look_whether_busy(&self, lifecycle: &Lifecycle, busy: bool) -> bool {
        let mut watches = std::mem::take(&mut *lock(&self.busy));
        watches.retain_mut(|watch| {
            let told = contain(|| context::as_library(|| watch.look(busy)));
            told.map_err(|said| {
                lifecycle
                    .warn(&format!("on_busy's closure panicked and is told nothing more: {said}"));
            })
            .is_ok()
        });
        let wanted = !watches.is_empty();
        lock(&self.busy).extend(watches);
        wanted
    }

    fn turn(&self) -> Option<Moment> {
        let mut driver = lock(self.driver.get()?);
        *lock(&self.turning) = Some(thread::current().id());
        let wake = driver.turn();
        *lock(&self.turning) = None;
        wake
    }

    pub(super) fn has_faults(&self) -> bool {
        !lock(&self.faults).is_empty() || !lock(&self.named_faults).is_empty()
    }

    /// Gives a hook something else to do.
    pub(super) fn inject_fault(&self, hook: HookId, fault: Fault) {
        lock(&self.faults).insert(hook, fault);
    }

    /// Gives the hook of this name something else to do.
    pub(super) fn inject_named_fault(&self, name: String, fault: Fault) {
        lock(&self.named_faults).insert(name, fault);
    }

    /// The clock stands still while these hooks do their own work.
    pub(super) fn wait_outside(&self, markers: Vec<TypeId>) {
        lock(&self.outside).extend(markers.into_iter().map(HookId::Declared));
    }
}

impl Host for Harness {
    fn now(&self) -> Moment {
        Moment::new(self.began.elapsed())
    }

    /// There is none.
    fn environment(&self) -> Environment {
        Environment::default()
    }

    /// What observes the process is not to count what a test does.
    fn begins(&self) -> Vec<OnRun> {
        Vec::new()
    }

    /// No manager is to hear of a test.
    fn extend(&self, _: Duration) -> bool {
        false
    }

    /// The scenario has a task that drives, and no signal reaches it.
    fn start(&self, _: &Settings) -> io::Result<()> {
        Ok(())
    }

    /// There is no process to end.
    fn guard(&self, _: Option<(Moment, u8)>, _: String) {}

    fn guard_the_end(&self, _: Moment, _: u8) {}

    fn guard_request(&self) {}

    fn listening(&self, _: &[Signal]) -> Vec<Listening> {
        Vec::new()
    }

    fn wake(&self) {
        self.wake.notify_one();
    }

    fn check_process(&self) {}

    fn is_driving(&self) -> bool {
        *lock(&self.turning) == Some(thread::current().id())
    }

    /// On the test's own thread nobody else would.
    fn let_drive(&self) {
        self.turn();
    }

    fn take_signals(&self) -> Vec<Input> {
        Vec::new()
    }

    fn eprint(&self, _: &str) {}

    fn stderr_is_terminal(&self) -> bool {
        false
    }

    fn report_files(&self, _: &Settings) -> Option<ReportFiles> {
        None
    }

    fn replacement(&self, hook: HookId, name: &str) -> Option<Replacement> {
        let by_type = lock(&self.faults).remove(&hook);
        let fault = by_type.or_else(|| lock(&self.named_faults).remove(name))?;
        Some(match fault {
            Fault::Play(start) => Replacement { start, goes: true },
            Fault::Block(duration) => {
                let sleeps = move || -> HookFuture {
                    Box::pin(async move {
                        tokio::time::sleep(duration).await;
                        Ok(())
                    })
                };
                Replacement { start: Box::new(sleeps), goes: false }
            }
        })
    }

    /// It holds the clock where it waits for something outside.
    fn wrap(&self, hook: HookId, work: HookFuture) -> HookFuture {
        if !lock(&self.outside).contains(&hook) {
            return work;
        }
        let clock = RealTimeHold::new(&Handle::current());
        Box::pin(async move {
            let _clock = clock;
            work.await
        })
    }

    fn hold_clock(&self, runtime: Option<&Handle>) -> Option<Box<dyn Any + Send>> {
        runtime.map(|runtime| Box::new(RealTimeHold::new(runtime)) as Box<dyn Any + Send>)
    }

    fn announce_exit(&self) {}

    fn take_busy_watch(&self, watch: BusyWatch) -> Option<BusyWatch> {
        lock(&self.busy).push(watch);
        self.wake();
        None
    }

    fn add_last_resort(
        &self,
        what: LastResort,
    ) -> Result<Box<dyn Any + Send + Sync>, LastResortError> {
        last_resort::check(&what)?;
        let mut list = lock(&self.last_resorts);
        let id = list.last_key_value().map_or(0, |(id, _)| id + 1);
        list.insert(id, what.to_string());
        Ok(Box::new(Listed { id, list: Arc::clone(&self.last_resorts) }))
    }

    fn undone_last_words(&self, forced_exit: &ForcedExit) -> Vec<String> {
        let list = lock(&self.last_resorts);
        let resorts = list.values().map(|what| format!("a process would {what}"));
        forced_exit.list().into_iter().chain(resorts).collect()
    }

    /// Where a process would end, the report says how.
    fn end(
        &self,
        _: u8,
        _: Option<ReportFiles>,
        report: LastReport,
        _: &ForcedExit,
    ) -> Option<Report> {
        Some(report())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
