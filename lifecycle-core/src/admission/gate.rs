//! Who is let in, what is in flight, and who waits for the drain.

use std::{
    any::Any,
    fmt,
    panic::RefUnwindSafe,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, futures::OwnedNotified},
    time::Instant,
};

use super::{
    counters::{Counters, Ending, Entry},
    refused::Refused,
};
use crate::{Site, SiteReport, SiteStatus, SourceLocation};

/// Lets calls in until it is closed, once and for ever, and knows what is in flight. One per lifecycle.
pub(crate) struct Gate {
    inner: Mutex<Inner>,
    /// Wakes who waits for the drain's begin.
    closing: Arc<Notify>,
    main_was_refused: AtomicBool,
    /// The lifecycle that this is the gate of, for whoever knows its type.
    owner: OnceLock<&'static (dyn Any + Send + Sync)>,
}

/// The owner is only handed on: a panic leaves nothing half-done in here, so an `Admission` may cross
/// `catch_unwind`.
impl RefUnwindSafe for Gate {}

/// Told by the gate what the lifecycle acts on. Called from any thread, also from destructors, never
/// under a lock of the gate.
pub(crate) trait GateObserver: Send + Sync {
    /// The gate is closed and nothing is in flight. Said each time that becomes true; by the time the
    /// observer looks, inherited work may be in flight again.
    fn idle(&self);

    /// Someone listens for the first time. Said once.
    fn first_listener(&self);
}

#[derive(Default)]
struct Inner {
    counters: Counters,
    listeners: Listeners,
    /// Somebody has waited for the drain's begin.
    ready_listened: bool,
    observer: Option<Arc<dyn GateObserver>>,
}

impl Gate {
    /// The gate of the process, used wherever no scenario has its own.
    pub(crate) fn process() -> &'static Arc<Self> {
        static PROCESS: LazyLock<Arc<Gate>> = LazyLock::new(Gate::new);
        &PROCESS
    }

    /// An open gate.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::default(),
            closing: Arc::default(),
            main_was_refused: AtomicBool::new(false),
            owner: OnceLock::new(),
        })
    }

    /// Says whose gate this is; the first word stands.
    pub(crate) fn set_owner(&self, owner: &'static (dyn Any + Send + Sync)) {
        let _ = self.owner.set(owner);
    }

    /// Whose gate this is.
    pub(crate) fn owner(&self) -> Option<&'static (dyn Any + Send + Sync)> {
        self.owner.get().copied()
    }

    /// Says from now on what happens; says at once what already has.
    pub(crate) fn set_observer(&self, observer: Arc<dyn GateObserver>) {
        let mut inner = self.lock();
        let observer = Arc::clone(inner.observer.insert(observer));
        let listened = inner.ready_listened;
        let idle = inner.is_idle();
        drop(inner);
        if listened {
            observer.first_listener();
        }
        if idle {
            observer.idle();
        }
    }

    /// Draining begins: fresh calls are refused from here, and who waits for it is woken. A second call
    /// changes nothing.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        if !inner.counters.close(Instant::now()) {
            return;
        }
        let observer = inner.observer_of_idle();
        drop(inner);
        self.closing.notify_waiters();
        if let Some(observer) = observer {
            observer.idle();
        }
    }

    /// Whether draining has begun.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed_at().is_some()
    }

    /// The drain is over, by time or because nothing is left: counting for it ends, and every call that
    /// it owed an end is abandoned. They keep running and keep their admission. Before `close`, and a
    /// second time, nothing happens.
    pub(crate) fn abandon(&self) {
        self.lock().counters.abandon(Instant::now());
    }

    /// How many calls were admitted and have not ended.
    pub(crate) fn in_flight(&self) -> usize {
        self.lock().counters.in_flight()
    }

    /// Whether any site ever had a call.
    pub(crate) fn is_used(&self) -> bool {
        self.lock().counters.is_used()
    }

    /// The sites with calls in flight.
    pub(crate) fn snapshot(&self) -> Vec<SiteStatus> {
        self.lock().counters.snapshot(Instant::now())
    }

    /// The sites that the drain had to do with.
    pub(crate) fn report(&self) -> Vec<SiteReport> {
        self.lock().counters.report()
    }

    /// How many calls were in flight, over the drain: since it began, and how many.
    pub(crate) fn samples(&self) -> Vec<(Duration, usize)> {
        self.lock().counters.samples().to_vec()
    }

    /// Registers someone who waits for the drain's begin, asked for at `location`: whoever does so is ready
    /// for work.
    pub(crate) fn listen(self: &Arc<Self>, location: SourceLocation) -> Listener {
        let mut inner = self.lock();
        let first = !std::mem::replace(&mut inner.ready_listened, true);
        inner.listeners.add(location);
        let observer = if first { inner.observer.clone() } else { None };
        drop(inner);
        if let Some(observer) = observer {
            observer.first_listener();
        }
        Listener::new(Arc::clone(self), location)
    }

    /// Registers someone who waits for the drain's end: that says nothing of being ready.
    pub(crate) fn listen_for_the_end(self: &Arc<Self>, location: SourceLocation) -> Listener {
        self.lock().listeners.add(location);
        Listener::new(Arc::clone(self), location)
    }

    /// Where those asked who listen now; each place once.
    pub(crate) fn listeners(&self) -> Vec<SourceLocation> {
        self.lock().listeners.alive()
    }

    /// Whether a fresh call that `main` itself made was refused or cancelled.
    pub(crate) fn main_was_refused(&self) -> bool {
        self.main_was_refused.load(Ordering::Relaxed)
    }

    /// Lets a fresh call in, or turns it away.
    pub(super) fn admit(self: &Arc<Self>, site: &'static Site) -> Result<Arc<Call>, Refused> {
        let mut inner = self.lock();
        if inner.counters.closed_at().is_some() && !site.policy().admit_always {
            inner.counters.refuse(site);
            return Err(Refused::new(site, false));
        }
        let entry = inner.counters.enter(site, false, Instant::now());
        drop(inner);
        Ok(Call::fresh(Arc::clone(self), site, entry))
    }

    /// Lets a call in that belongs to admitted work.
    pub(super) fn inherit(self: &Arc<Self>, site: &'static Site) -> Arc<Call> {
        let entry = self.lock().counters.enter(site, true, Instant::now());
        Call::inherited(Arc::clone(self), site, entry)
    }

    /// Counts a call for what a source may yield; `None` once draining, whatever the policy and whoever
    /// asks.
    pub(super) fn begin_pull(
        self: &Arc<Self>,
        site: &'static Site,
        inherited: bool,
    ) -> Option<Arc<Call>> {
        let mut inner = self.lock();
        if inner.counters.closed_at().is_some() {
            return None;
        }
        let entry = inner.counters.enter(site, inherited, Instant::now());
        drop(inner);
        let begin = if inherited { Call::inherited } else { Call::fresh };
        Some(begin(Arc::clone(self), site, entry))
    }

    /// Completes when draining begins. Create it first, look at [`closed_at`](Self::closed_at) second:
    /// then nothing is missed.
    pub(super) fn closing(&self) -> OwnedNotified {
        Arc::clone(&self.closing).notified_owned()
    }

    pub(super) fn closed_at(&self) -> Option<Instant> {
        self.lock().counters.closed_at()
    }

    /// A fresh call that `main` itself made was refused or cancelled.
    pub(super) fn note_refusal_of_main(&self) {
        // Relaxed: only the task that polls main writes it and reads it, which is one after the other.
        self.main_was_refused.store(true, Ordering::Relaxed);
    }

    /// Un-counts a call; only its destructor does.
    fn leave(&self, entry: Entry, ending: Ending) {
        let mut inner = self.lock();
        let observer =
            if inner.counters.leave(entry, ending) { inner.observer_of_idle() } else { None };
        drop(inner);
        if let Some(observer) = observer {
            observer.idle();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Plain counts: a panic under the lock would have to come from the allocator.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("closed", &self.is_closed())
            .field("in_flight", &self.in_flight())
            .finish()
    }
}

impl Inner {
    fn is_idle(&self) -> bool {
        self.counters.closed_at().is_some() && self.counters.in_flight() == 0
    }

    fn observer_of_idle(&self) -> Option<Arc<dyn GateObserver>> {
        if self.is_idle() { self.observer.clone() } else { None }
    }
}

/// One admitted call. It is in flight until the last `Arc` is gone.
#[derive(Debug)]
pub(super) struct Call {
    gate: Arc<Gate>,
    /// `None` for a hook: its own calls inherit, itself it counts nowhere.
    counted: Option<(&'static Site, Entry)>,
    inherited: bool,
    /// Whoever holds the call writes the two, its destructor reads them. The count of the `Arc` orders
    /// that after every holder, so no relaxed write can be missed.
    cancelled: AtomicBool,
    withdrawn: AtomicBool,
}

impl Call {
    fn fresh(gate: Arc<Gate>, site: &'static Site, entry: Entry) -> Arc<Self> {
        Self::new(gate, Some((site, entry)), false)
    }

    fn inherited(gate: Arc<Gate>, site: &'static Site, entry: Entry) -> Arc<Self> {
        Self::new(gate, Some((site, entry)), true)
    }

    pub(super) fn uncounted(gate: Arc<Gate>) -> Arc<Self> {
        Self::new(gate, None, true)
    }

    /// Work of this call that will outlive it: in flight by itself, at the same site.
    pub(super) fn branch(self: &Arc<Self>) -> Arc<Self> {
        match self.counted {
            Some((site, _)) => self.gate.inherit(site),
            None => Arc::clone(self),
        }
    }

    pub(super) const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    pub(super) fn site_name(&self) -> Option<&'static str> {
        self.counted.map(|(site, _)| site.name())
    }

    /// Whether it was let in as part of another call.
    pub(super) const fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// `drain = cancel` is about to drop it.
    pub(super) fn cancel(&self) {
        if let Some((_, entry)) = self.counted
            && !self.cancelled.swap(true, Ordering::Relaxed)
        {
            self.gate.lock().counters.cancel(entry);
        }
    }

    /// It was none after all.
    pub(super) fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Relaxed);
    }

    fn new(gate: Arc<Gate>, counted: Option<(&'static Site, Entry)>, inherited: bool) -> Arc<Self> {
        Arc::new(Self {
            gate,
            counted,
            inherited,
            cancelled: AtomicBool::new(false),
            withdrawn: AtomicBool::new(false),
        })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some((_, entry)) = self.counted else { return };
        let ending = if *self.cancelled.get_mut() {
            Ending::Cancelled
        } else if *self.withdrawn.get_mut() {
            Ending::Withdrawn
        } else {
            Ending::Finished
        };
        self.gate.leave(entry, ending);
    }
}

/// Someone who waits for the drain: a living `draining()`, `drained()`, `until_draining` or `pull`.
#[derive(Debug)]
#[must_use = "it listens only while it lives"]
pub(crate) struct Listener {
    gate: Arc<Gate>,
    location: SourceLocation,
}

impl Listener {
    const fn new(gate: Arc<Gate>, location: SourceLocation) -> Self {
        Self { gate, location }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.gate.lock().listeners.remove(self.location);
    }
}

/// How many listen, by the place where they asked. Places stay known, so that a `pull` in a loop
/// allocates once.
#[derive(Debug, Default)]
struct Listeners(Vec<(SourceLocation, usize)>);

impl Listeners {
    fn add(&mut self, location: SourceLocation) {
        match self.0.iter_mut().find(|(place, _)| *place == location) {
            Some((_, count)) => *count += 1,
            None => self.0.push((location, 1)),
        }
    }

    fn remove(&mut self, location: SourceLocation) {
        if let Some((_, count)) = self.0.iter_mut().find(|(place, _)| *place == location) {
            *count -= 1;
        }
    }

    fn alive(&self) -> Vec<SourceLocation> {
        let mut places: Vec<_> =
            self.0.iter().filter(|(_, count)| *count > 0).map(|(place, _)| *place).collect();
        places.sort_unstable();
        places
    }
}
