//! Who is let in, what is in flight, and who listens for the stop.

use std::{
    any::Any,
    fmt,
    panic::RefUnwindSafe,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, futures::OwnedNotified},
    time::Instant,
};

use super::{
    counters::{Counters, Entry, Left},
    ending::{Ending, Verdict},
    refused::Refused,
};
use crate::{Site, SiteReport, SiteStatus, SourceLocation, foreign::Shielded};

/// Lets calls in until it is closed, once and for ever, and knows what is in flight. One per
/// lifecycle.
pub(crate) struct Gate {
    inner: Mutex<Inner>,
    /// Wakes who waits for the drain's begin.
    closing: Arc<Notify>,
    /// Wakes what is to be cancelled, or to settle, when the drain is over.
    drain_ends: Arc<Notify>,
    /// Who has asked. A lock of its own: `state()` may stand in a tight loop.
    listeners: RwLock<Listeners>,
    /// Somebody has waited for the drain's begin.
    ready_listened: AtomicBool,
    main_was_refused: AtomicBool,
    stop_seen: AtomicBool,
    /// The lifecycle that this is the gate of, for whoever knows its type.
    owner: OnceLock<&'static (dyn Any + Send + Sync)>,
}

/// The owner is only handed on: a panic leaves nothing half-done in here, so an `Admission` may
/// cross `catch_unwind`.
impl RefUnwindSafe for Gate {}

/// Told by the gate what the lifecycle acts on. Called from any thread, also from destructors,
/// never under a lock of the gate.
pub(crate) trait GateObserver: Send + Sync {
    /// The gate is closed and nothing is in flight. Said each time that becomes true; by the time
    /// the observer looks, inherited work may be in flight again.
    fn idle(&self);

    /// The drain is over, and nothing is left of what it cancels. Said each time that becomes true.
    fn nothing_to_cancel(&self) {}

    /// A call began where none was in flight. Said only once [`Gate::watch_first_call`] asked for it.
    fn first_call(&self) {}

    /// Someone waits for the drain's begin for the first time. Said once.
    fn first_listener(&self);
}

#[derive(Default)]
struct Inner {
    counters: Counters,
    watches_first_call: bool,
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
            drain_ends: Arc::default(),
            listeners: RwLock::default(),
            ready_listened: AtomicBool::new(false),
            main_was_refused: AtomicBool::new(false),
            stop_seen: AtomicBool::new(false),
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
        let listened = self.ready_listened.load(Ordering::Relaxed);
        let idle = inner.is_idle();
        drop(inner);
        if listened {
            observer.first_listener();
        }
        if idle {
            observer.idle();
        }
    }

    /// A stop was asked for. Calls are let in as before; those that panic are counted from here on.
    pub(crate) fn request(&self) {
        self.lock().counters.request();
    }

    /// Draining begins: fresh calls are refused from here, and who waits for it is woken. A second
    /// call changes nothing.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        if !inner.counters.close(Instant::now()) {
            return;
        }
        let observer = if inner.is_idle() { inner.observer.clone() } else { None };
        drop(inner);
        self.closing.notify_waiters();
        if let Some(observer) = observer {
            observer.idle();
        }
    }

    /// Says from now on when a call begins where none was in flight.
    pub(crate) fn watch_first_call(&self) {
        self.lock().watches_first_call = true;
    }

    /// Whether draining has begun.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed_at().is_some()
    }

    /// The drain is over, by time or because nothing is left: counting for it ends, and every call
    /// that it owed an end is abandoned. They keep running and keep their admission. What
    /// `drain = cancel` may drop is told to go: see [`cancelling`](Self::cancelling). Before
    /// `close`, and a second time, nothing happens.
    ///
    /// Returns how many it cancels.
    pub(crate) fn abandon(&self) -> usize {
        let mut inner = self.lock();
        let news = inner.counters.abandon(Instant::now());
        let cancelling = inner.counters.cancelling();
        drop(inner);
        if news {
            self.drain_ends.notify_waiters();
        }
        cancelling
    }

    /// How many calls the drain, which is over, cancels and has not cancelled yet, receives that
    /// were let settle among them. When that comes to nothing, [`GateObserver::nothing_to_cancel`]
    /// says so.
    pub(crate) fn cancelling(&self) -> usize {
        self.lock().counters.cancelling()
    }

    /// Nobody waits any longer for what is [`cancelling`](Self::cancelling): what is left of it is
    /// abandoned, so that every call that the drain had to do with has its one ending.
    pub(crate) fn give_up_cancelling(&self) {
        self.lock().counters.give_up_cancelling(Instant::now());
    }

    /// How many calls were admitted and have not ended.
    pub(crate) fn in_flight(&self) -> usize {
        self.lock().counters.in_flight()
    }

    /// Whether any site ever had a call.
    pub(crate) fn is_used(&self) -> bool {
        self.lock().counters.is_used()
    }

    /// The site of this name, among those that were ever used.
    #[cfg(feature = "testing")]
    pub(crate) fn site(&self, name: &str) -> Option<&'static Site> {
        self.lock().counters.site_of(name)
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

    /// Where those asked who listen, each place once. Who has asked, listens from then on.
    pub(crate) fn listeners(&self) -> Vec<SourceLocation> {
        self.listening(|_| true)
    }

    /// Where `main` itself asked.
    pub(crate) fn listeners_of_main(&self) -> Vec<SourceLocation> {
        self.listening(|listener| listener.is_main)
    }

    /// Whether anybody has asked.
    pub(crate) fn has_listeners(&self) -> bool {
        !self.listeners.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// See `note_stop_seen`.
    pub(super) fn set_stop_seen(&self) {
        // Relaxed: main's own end, which reads it, comes after through the driver's queue.
        self.stop_seen.store(true, Ordering::Relaxed);
    }

    /// Whether the application has been told of the stop.
    pub(crate) fn stop_was_seen(&self) -> bool {
        self.stop_seen.load(Ordering::Relaxed)
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
            drop(inner);
            self.note_stop_seen();
            return Err(Refused::new(site, false));
        }
        let entry = inner.counters.enter(site, false, Instant::now());
        Self::entered(inner);
        Ok(Call::new(Arc::clone(self), Some((site, entry)), false, Ending::Finished))
    }

    /// Lets a call in that belongs to admitted work.
    pub(super) fn inherit(self: &Arc<Self>, site: &'static Site) -> Arc<Call> {
        let entry = self.lock().counters.enter(site, true, Instant::now());
        Call::new(Arc::clone(self), Some((site, entry)), true, Ending::Finished)
    }

    /// Counts a call for what a source may yield; `None` once draining, whatever the policy and
    /// whoever asks. It is withdrawn unless somebody says otherwise.
    pub(super) fn begin_pull(
        self: &Arc<Self>,
        site: &'static Site,
        inherited: bool,
        settles: bool,
    ) -> Option<Arc<Call>> {
        let mut inner = self.lock();
        if inner.counters.closed_at().is_some() {
            drop(inner);
            self.note_stop_seen();
            return None;
        }
        let now = Instant::now();
        let entry = if settles {
            inner.counters.enter_receiving(site, now)
        } else {
            inner.counters.enter(site, inherited, now)
        };
        Self::entered(inner);
        let counted = Some((site, entry));
        Some(Call::new(Arc::clone(self), counted, inherited, Ending::Withdrawn))
    }

    /// Completes when draining begins. Create it first, look at [`closed_at`](Self::closed_at)
    /// second: then nothing is missed.
    pub(super) fn closing(&self) -> Shielded<OwnedNotified> {
        Shielded::new(Arc::clone(&self.closing).notified_owned())
    }

    /// Completes when the drain is over. Create it first, look at [`is_over`](Self::is_over)
    /// second.
    pub(super) fn drain_ends(&self) -> Shielded<OwnedNotified> {
        Shielded::new(Arc::clone(&self.drain_ends).notified_owned())
    }

    /// Whether the drain is over.
    pub(super) fn is_over(&self) -> bool {
        self.lock().counters.is_over()
    }

    pub(super) fn closed_at(&self) -> Option<Instant> {
        self.lock().counters.closed_at()
    }

    /// A fresh call that `main` itself made was refused or cancelled.
    pub(super) fn note_refusal_of_main(&self) {
        // Relaxed: only the task that polls main writes it and reads it, which is one after the
        // other.
        self.main_was_refused.store(true, Ordering::Relaxed);
    }

    /// Someone asked at `location` and listens from now on.
    pub(super) fn add_listener(&self, location: SourceLocation, is_main: bool) {
        let listener = Listener { location, is_main };
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        if listeners.knows(listener) {
            return;
        }
        drop(listeners);
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).add(listener);
    }

    /// Someone waits for the drain's begin: whoever does so is ready for work.
    pub(super) fn note_ready(&self) {
        // Relaxed: whoever sees `true` has nothing to do. The first is found under the lock, where
        // `set_observer` looks too: either it sees the flag, or its observer is seen here.
        if self.ready_listened.load(Ordering::Relaxed) {
            return;
        }
        let inner = self.lock();
        if self.ready_listened.swap(true, Ordering::Relaxed) {
            return;
        }
        let observer = inner.observer.clone();
        drop(inner);
        if let Some(observer) = observer {
            observer.first_listener();
        }
    }

    fn listening(&self, which: impl Fn(&Listener) -> bool) -> Vec<SourceLocation> {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        listeners.places(which)
    }

    /// A call was let in.
    fn entered(inner: MutexGuard<'_, Inner>) {
        let is_first = inner.watches_first_call && inner.counters.in_flight() == 1;
        let observer = if is_first { inner.observer.clone() } else { None };
        drop(inner);
        if let Some(observer) = observer {
            observer.first_call();
        }
    }

    /// Un-counts a call; only its destructor does.
    fn leave(&self, entry: Entry, ending: Ending) {
        self.count(|counters| counters.leave(entry, ending));
    }

    fn count(&self, change: impl FnOnce(&mut Counters) -> Left) {
        let mut inner = self.lock();
        let left = change(&mut inner.counters);
        let idle = left.nothing && inner.is_idle();
        if !idle && !left.nothing_to_cancel {
            return;
        }
        let observer = inner.observer.clone();
        drop(inner);
        let Some(observer) = observer else { return };
        if idle {
            observer.idle();
        }
        if left.nothing_to_cancel {
            observer.nothing_to_cancel();
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
}

/// One admitted call. It is in flight until the last `Arc` is gone.
#[derive(Debug)]
pub(super) struct Call {
    gate: Arc<Gate>,
    /// `None` for a hook: its own calls inherit, itself it counts nowhere.
    counted: Option<(&'static Site, Entry)>,
    inherited: bool,
    verdict: Verdict,
}

impl Call {
    pub(super) fn uncounted(gate: Arc<Gate>) -> Arc<Self> {
        Self::new(gate, None, true, Ending::Finished)
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

    /// How it ends, as far as one of its holders knows: the last word stands. Where nobody says
    /// anything, it finishes, unless its last holder is dropped by a panic.
    pub(super) fn end(&self, ending: Ending) {
        self.verdict.say(ending);
    }

    /// Whether a panic is going through it.
    pub(super) fn is_unwinding(&self) -> bool {
        self.verdict.is_unwinding()
    }

    /// `drain = cancel` is about to drop it.
    pub(super) fn cancel(&self) {
        if let Some((_, entry)) = self.counted
            && self.verdict.cancel()
        {
            self.gate.lock().counters.cancel(entry);
        }
    }

    /// Of a receive that may settle: the source has brought nothing yet.
    pub(super) fn park(&self) {
        if let Some((_, entry)) = self.counted {
            self.gate.lock().counters.park(entry);
        }
    }

    /// Of a receive that may settle: its source is to be polled again. Of no use once the drain is
    /// over.
    pub(super) fn resume(&self) -> bool {
        self.counted
            .is_some_and(|(_, entry)| self.gate.lock().counters.resume(entry, Instant::now()))
    }

    /// Of a receive that may settle: the source has brought something.
    pub(super) fn receive(&self) {
        if let Some((_, entry)) = self.counted {
            let inherited = self.inherited;
            self.gate.count(|counters| counters.receive(entry, inherited, Instant::now()));
        }
    }

    fn new(
        gate: Arc<Gate>,
        counted: Option<(&'static Site, Entry)>,
        inherited: bool,
        ending: Ending,
    ) -> Arc<Self> {
        Arc::new(Self { gate, counted, inherited, verdict: Verdict::new(ending) })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some((_, entry)) = self.counted {
            self.gate.leave(entry, self.verdict.last());
        }
    }
}

/// The places where somebody asked about the stop. Few, and known for good, so that a loop that
/// asks again allocates once.
#[derive(Debug, Default)]
struct Listeners(Vec<Listener>);

#[derive(Clone, Copy, Debug)]
struct Listener {
    location: SourceLocation,
    /// Whether `main` itself asked.
    is_main: bool,
}

impl Listeners {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn knows(&self, new: Listener) -> bool {
        let mut known = self.0.iter();
        known.any(|old| old.location == new.location && (old.is_main || !new.is_main))
    }

    fn add(&mut self, new: Listener) {
        match self.0.iter_mut().find(|old| old.location == new.location) {
            Some(old) => old.is_main |= new.is_main,
            None => self.0.push(new),
        }
    }

    fn places(&self, which: impl Fn(&Listener) -> bool) -> Vec<SourceLocation> {
        let mut places: Vec<_> =
            self.0.iter().filter(|listener| which(listener)).map(|known| known.location).collect();
        places.sort_unstable();
        places
    }
}
