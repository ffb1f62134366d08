//! Whoever is told what happens, each on a thread of its own, which sleeps while there is nothing
//! to say: no observer delays a decision, or another observer.
//!
//! Nothing of an observer runs on the driver's thread, or under a lock.

use std::{
    fmt, io,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    busy::{BUSY_INTERVAL, BusyWatch},
    lifecycle::Lifecycle,
    observers::{Letter, Mailbox, OBSERVER_TIMEOUT, Word},
    status::Status,
};
use crate::{Event, Report, State, admission::context, config::OnBusy, foreign::contain, os};

/// Is told what happens: for metrics, for a service manager, for an operator's view. [`observe`]
/// registers one.
///
/// It is called on a thread of its own, in the order in which things happened, and may take its
/// time. What it asks of milestones and of the status does not make main a listener. A panic ends
/// it, and is said.
#[expect(unused_variables, reason = "who does not override a method does nothing")]
pub trait Observer: Send + 'static {
    /// The state of the lifecycle: that at registration first, then each change. None is ever
    /// dropped.
    fn state(&mut self, state: State) {}

    /// Something happened that is no change of state.
    fn event(&mut self, event: &Event) {}

    /// So many events were dropped, as this observer was slow; said before the next call of another
    /// kind.
    fn dropped(&mut self, count: usize) {}

    /// How often [`status`](Self::status) is wanted, in real time; asked after each call. Default:
    /// never.
    fn interval(&self) -> Option<Duration> {
        None
    }

    /// The lifecycle at one moment: while something is in flight and while a stop is under way, at
    /// the interval that was asked for, and once more when nothing is in flight any longer. While
    /// neither is, nobody is woken for it.
    fn status(&mut self, status: &Status) {}

    /// The final report, which is never dropped; nothing comes after it. `run` waits at most 200 ms
    /// for all observers to have been told. A process that is ended at its deadline, or by a
    /// signal, has none.
    fn report(&mut self, report: &Report) {}
}

/// Tells `observer` what happens to the lifecycle of the calling code, from now on: before `run`,
/// or while it runs. Dropping the handle changes nothing.
///
/// # Panics
///
/// When the system grants no thread.
pub fn observe(observer: impl Observer) -> ObserverHandle {
    let observed = observe_in(Lifecycle::current(), "an observer", observer);
    observed.unwrap_or_else(|error| panic!("lifecycle: an observer has no thread: {error}"))
}

/// `what` it is called where it panics.
pub(super) fn observe_in(
    lifecycle: &'static Lifecycle,
    what: &'static str,
    observer: impl Observer,
) -> io::Result<ObserverHandle> {
    let mailbox = lifecycle.observers.add();
    let served = Arc::clone(&mailbox);
    let thread = os::spawn("lifecycle-obs", move || {
        os::run_as_application();
        serve(lifecycle, &served, what, observer);
    });
    if let Err(error) = thread {
        lifecycle.observers.remove(&mailbox);
        return Err(error);
    }
    Ok(ObserverHandle { lifecycle, mailbox })
}

/// An observer that was registered by [`observe`].
pub struct ObserverHandle {
    lifecycle: &'static Lifecycle,
    mailbox: Arc<Mailbox>,
}

impl ObserverHandle {
    /// Tells it nothing more. A call that is under way is not waited for.
    pub fn remove(self) {
        self.lifecycle.observers.remove(&self.mailbox);
        self.mailbox.close();
    }
}

impl fmt::Debug for ObserverHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObserverHandle").finish_non_exhaustive()
    }
}

impl Observer for BusyWatch {
    fn interval(&self) -> Option<Duration> {
        Some(BUSY_INTERVAL)
    }

    fn status(&mut self, status: &Status) {
        self.look(status.in_flight() > 0);
    }

    fn report(&mut self, _: &Report) {
        self.look(false);
    }
}

impl Lifecycle {
    /// Has the closures told, from here to the report.
    pub(super) fn watch_busy(&'static self, on_busy: OnBusy) {
        for told in on_busy.0 {
            let Some(watch) = self.host.take_busy_watch(BusyWatch::new(told)) else { continue };
            if let Err(error) = observe_in(self, "on_busy's closure", watch) {
                self.warn(&format!("on_busy is told nothing, as it has no thread: {error}"));
            }
        }
    }

    /// The report goes to the observers, who have their time.
    pub(super) fn tell_observers(&self, report: &Report) {
        self.observers.report(report);
        self.observers.flush(OBSERVER_TIMEOUT);
    }
}

/// The body of an observer's thread.
fn serve(
    lifecycle: &'static Lifecycle,
    mailbox: &Arc<Mailbox>,
    what: &str,
    observer: impl Observer,
) {
    let _gate = context::use_gate(Arc::clone(&lifecycle.gate));
    let told = contain(|| context::as_library(|| tell_all(lifecycle, mailbox, observer)));
    if let Err(said) = told {
        let line = format!("{what} panicked and is told nothing more: {said}");
        lifecycle.eprint(&line);
        lifecycle.warn(&line);
    }
    // Last, as the end of the process waits for observers.
    lifecycle.observers.remove(mailbox);
    mailbox.close();
}

fn tell_all(lifecycle: &'static Lifecycle, mailbox: &Mailbox, mut observer: impl Observer) {
    let (mut last, mut watches, mut was_busy) = (None, false, false);
    loop {
        let interval = observer.interval();
        if interval.is_some() && !watches {
            lifecycle.gate.watch_first_call();
            watches = true;
        }
        let now = Instant::now();
        let due = interval.map(|interval| last.map_or(now, |last| later(last, interval)));
        match mailbox.next(due, || was_busy || lifecycle.is_active()) {
            Some(Word::Letter(Letter::State(state))) => observer.state(state),
            Some(Word::Letter(Letter::Event(event))) => observer.event(&event),
            Some(Word::Dropped(count)) => observer.dropped(count),
            Some(Word::Status) => {
                last = Some(Instant::now());
                let status = lifecycle.status();
                was_busy = status.in_flight() > 0;
                observer.status(&status);
            }
            Some(Word::Letter(Letter::Report(report))) => return observer.report(&report),
            None => return,
        }
    }
}

/// A time that no clock can tell is a day away.
fn later(last: Instant, interval: Duration) -> Instant {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    last + interval.min(DAY)
}
