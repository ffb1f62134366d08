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
    Admission, Listener,
    call::Call,
    context,
    counters::{Counters, Ending, Entry},
    listener::Listeners,
};
use crate::{Refused, Site, SiteReport, SiteStatus, SourceLocation};

/// Lets calls in until it is closed, once and for ever, and knows what is in flight. One per
/// lifecycle.
pub(crate) struct Gate {
    inner: Mutex<Inner>,
    /// Wakes who waits for the drain's begin.
    closing: Arc<Notify>,
    main_was_refused: AtomicBool,
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

    /// Draining begins: fresh calls are refused from here, and who waits for it is woken. A second
    /// call changes nothing.
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

    /// The drain is over, by time or because nothing is left: counting for it ends, and every call
    /// that it owed an end is abandoned. They keep running and keep their admission. Before
    /// `close`, and a second time, nothing happens.
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

    /// Registers someone who waits for the drain's begin, asked for at `location`: whoever does so
    /// is ready for work.
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

    /// An admission that counts nowhere, under which hooks run: the calls they make are admitted in
    /// every state.
    pub(crate) fn hook_admission(self: &Arc<Self>) -> Admission {
        Admission::new(Call::uncounted(Arc::clone(self)))
    }

    /// Lets a fresh call in, or turns it away.
    pub(super) fn admit(self: &Arc<Self>, site: &'static Site) -> Result<Arc<Call>, Refused> {
        let mut inner = self.lock();
        if inner.counters.closed_at().is_some() && !site.policy().admit_always {
            inner.counters.refuse(site);
            drop(inner);
            self.note_if_main();
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

    /// Counts a call for what a source may yield; `None` once draining, whatever the policy and
    /// whoever asks.
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

    /// Un-counts a call; only its destructor does.
    pub(super) fn leave(&self, entry: Entry, ending: Ending) {
        let mut inner = self.lock();
        let observer =
            if inner.counters.leave(entry, ending) { inner.observer_of_idle() } else { None };
        drop(inner);
        if let Some(observer) = observer {
            observer.idle();
        }
    }

    pub(super) fn count_cancelled(&self, entry: Entry) {
        self.lock().counters.cancel(entry);
        self.note_if_main();
    }

    /// Completes when draining begins. Create it first, look at [`closed_at`](Self::closed_at)
    /// second: then nothing is missed.
    pub(super) fn closing(&self) -> OwnedNotified {
        Arc::clone(&self.closing).notified_owned()
    }

    pub(super) fn closed_at(&self) -> Option<Instant> {
        self.lock().counters.closed_at()
    }

    pub(super) fn unlisten(&self, location: SourceLocation) {
        self.lock().listeners.remove(location);
    }

    fn note_if_main(&self) {
        if context::is_main() {
            self.main_was_refused.store(true, Ordering::Relaxed);
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
