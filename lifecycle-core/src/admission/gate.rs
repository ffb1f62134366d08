//! Who is let in, what is in flight, and who listens for the stop.

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    panic::RefUnwindSafe,
    ptr,
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
    counters::{Counters, Entry, Left, Tally},
    details::{Who, age, coarse_nanos},
    ending::{self, Ending},
    lane::{ARMED, CLOSED, FENCED, Found, Frame, Lane, Slot},
    pool,
    refused::Refused,
};
use crate::{
    Site, SiteReport, SiteStatus, SourceLocation, foreign::Shielded, os::barrier::Barrier,
};

/// Lets calls in until it is closed, once and for ever, and knows what is in flight. One per
/// lifecycle.
pub(crate) struct Gate {
    /// No other gate has it.
    number: usize,
    /// Where calls are noted by the threads that make them, and counted from the drain on only.
    barrier: Option<Barrier>,
    inner: Mutex<Inner>,
    /// A site that no attribute declares had a call.
    is_used: AtomicBool,
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
    /// The next thread that notes a call will say so.
    is_armed: bool,
    observer: Option<Arc<dyn GateObserver>>,
}

/// The number of the gate of the process.
pub(super) const PROCESS: usize = 1;

impl Gate {
    /// The gate of the process, used wherever no scenario has its own.
    pub(crate) fn process() -> &'static Arc<Self> {
        static GATE: LazyLock<Arc<Gate>> =
            LazyLock::new(|| Gate::make(PROCESS, Some(Barrier::of_process())));
        &GATE
    }

    /// An open gate that counts each call as it comes: for what runs on a clock of its own.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn new() -> Arc<Self> {
        Self::make(Self::next_number(), None)
    }

    /// An open gate as that of the process.
    #[cfg(test)]
    pub(super) fn by_thread(barrier: Barrier) -> Arc<Self> {
        Self::make(Self::next_number(), Some(barrier))
    }

    #[cfg(any(test, feature = "testing"))]
    fn next_number() -> usize {
        use std::sync::atomic::AtomicUsize;
        static NEXT: AtomicUsize = AtomicUsize::new(PROCESS + 1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    fn make(number: usize, barrier: Option<Barrier>) -> Arc<Self> {
        Arc::new(Self {
            number,
            barrier,
            is_used: AtomicBool::new(false),
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
        if inner.counters.closed_at().is_some() {
            return;
        }
        self.take_over(&mut inner);
        inner.counters.close(Instant::now());
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

    /// How many calls were admitted and have not ended. Exact once draining has begun; before that,
    /// calls that begin or end meanwhile count or do not.
    pub(crate) fn in_flight(&self) -> usize {
        let mut inner = self.lock();
        let counted = inner.counters.in_flight() + self.noted(&inner);
        if counted > 0 || !inner.watches_first_call || inner.is_armed {
            return counted;
        }
        let Some(barrier) = self.barrier.filter(|_| inner.counters.closed_at().is_none()) else {
            return counted;
        };
        // Whoever asks may go to sleep over a 0. Either a call is seen now, or its thread sees that
        // it is to say so.
        inner.is_armed = true;
        pool::change_mode(self.number, ARMED, 0);
        barrier.all_threads();
        self.noted(&inner)
    }

    /// How many calls have ended since draining began.
    pub(crate) fn ended(&self) -> u64 {
        self.lock().counters.ended()
    }

    /// Whether any site ever had a call that no attribute declares.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed) || self.lock().counters.is_used()
    }

    /// See [`is_used`](Self::is_used).
    pub(super) fn note_used(&self) {
        // Relaxed: who reads it knows of the call by other ways.
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
        }
    }

    /// The site of this name, among those that were ever used.
    #[cfg(feature = "testing")]
    pub(crate) fn site(&self, name: &str) -> Option<&'static Site> {
        self.lock().counters.site_of(name)
    }

    /// The sites with calls in flight.
    pub(crate) fn snapshot(&self) -> Vec<SiteStatus> {
        let inner = self.lock();
        let mut tallies = inner.counters.tallies(Instant::now());
        if self.is_noting(&inner) {
            let places =
                tallies.iter().enumerate().map(|(at, tally)| (ptr::from_ref(tally.site), at));
            let mut index: HashMap<_, _> = places.collect();
            let now = coarse_nanos();
            pool::collect(self.number, |found| {
                let Some(one) = tally(&found, now) else { return };
                let at = *index.entry(ptr::from_ref(one.site)).or_insert(tallies.len());
                match tallies.get_mut(at) {
                    Some(all) => all.add(&one),
                    None => tallies.push(one),
                }
            });
        }
        drop(inner);
        let mut all: Vec<_> = tallies.iter().map(status).collect();
        all.sort_unstable_by_key(|status| (status.name, status.location));
        all
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

    /// A fresh call of `site` is let in and counted, or turned away.
    pub(super) fn admit_counted(&self, site: &'static Site, who: Who) -> Result<Entry, Refused> {
        let mut inner = self.lock();
        if inner.counters.closed_at().is_some() && !site.policy().admit_always {
            inner.counters.refuse(site);
            drop(inner);
            self.note_stop_seen();
            return Err(Refused::new(site, false));
        }
        let entry = inner.counters.enter(site, false, Instant::now(), who);
        self.entered(inner);
        Ok(entry)
    }

    /// A call that belongs to admitted work is counted.
    pub(super) fn inherit_counted(&self, site: &'static Site, who: Who) -> Entry {
        self.lock().counters.enter(site, true, Instant::now(), who)
    }

    /// A call is counted for what a source may yield; `None` once draining, whatever the policy and
    /// whoever asks.
    pub(super) fn pull_counted(
        &self,
        site: &'static Site,
        inherited: bool,
        settles: bool,
        who: Who,
    ) -> Option<Entry> {
        let mut inner = self.lock();
        if inner.counters.closed_at().is_some() {
            drop(inner);
            self.note_stop_seen();
            return None;
        }
        let now = Instant::now();
        let entry = if settles {
            inner.counters.enter_receiving(site, now, who)
        } else {
            inner.counters.enter(site, inherited, now, who)
        };
        self.entered(inner);
        Some(entry)
    }

    /// The number of this gate.
    pub(super) const fn number(&self) -> usize {
        self.number
    }

    /// Whether threads note calls by themselves while the gate is open.
    pub(super) const fn is_by_thread(&self) -> bool {
        self.barrier.is_some()
    }

    /// From here on the calls that are noted on `lane`, which is empty, are of this gate.
    pub(super) fn attach(&self, lane: &Lane) {
        let inner = self.lock();
        let is_closed = inner.counters.closed_at().is_some();
        let needs_fences = self.barrier.is_some_and(Barrier::needs_fences);
        let bit = |mode, is_set| if is_set { mode } else { 0 };
        let mode = bit(CLOSED, is_closed) | bit(ARMED, inner.is_armed) | bit(FENCED, needs_fences);
        pool::attach(lane, self.number, mode);
    }

    /// A thread has noted a call, and was to say so.
    pub(super) fn hear_first_call(&self) {
        let inner = self.lock();
        if inner.is_armed {
            self.tell_first_call(inner);
        }
    }

    /// A thread noted a call and then saw that the gate is closed: whether the closing has seen it,
    /// and counts it.
    pub(super) fn counts_frame(&self, frame: &Frame) -> bool {
        let _inner = self.lock();
        frame.entry().is_some()
    }

    /// The same of a call with a slot; one that is not counted never was.
    pub(super) fn counts_slot(&self, slot: &Slot) -> bool {
        let _inner = self.lock();
        let is_counted = slot.entry().is_some();
        if !is_counted {
            slot.retract();
        }
        is_counted
    }

    /// A call was moved from `frame` to `slot`, and then the gate was seen to be closed.
    pub(super) fn move_entry(&self, frame: &Frame, slot: &Slot) {
        let _inner = self.lock();
        if let Some(entry) = frame.take_entry() {
            slot.set_entry(entry);
        }
    }

    /// A call that was nothing but `frame`, which was left, has ended; by a panic, where its site is
    /// said.
    pub(super) fn end_frame(&self, frame: &Frame, panicked: Option<&'static Site>) {
        let ending = match panicked {
            Some(_) => Ending::Panicked,
            None if ending::is_lost() => Ending::Lost,
            None => Ending::Finished,
        };
        self.count(|counters| end(counters, frame.take_entry(), ending, panicked));
    }

    /// A call with a slot ends.
    pub(super) fn end_slot(&self, slot: &Slot, site: &'static Site, ending: Ending) {
        self.count(|counters| {
            if slot.is_live() {
                slot.end();
            }
            end(counters, slot.entry(), ending, Some(site))
        });
    }

    /// `drain = cancel` is about to drop a call.
    pub(super) fn cancel(&self, entry: Entry) {
        self.lock().counters.cancel(entry);
    }

    /// See [`Counters::park`].
    pub(super) fn park(&self, entry: Entry) {
        self.lock().counters.park(entry);
    }

    /// See [`Counters::resume`].
    pub(super) fn resume(&self, entry: Entry) -> bool {
        self.lock().counters.resume(entry, Instant::now())
    }

    /// See [`Counters::receive`].
    pub(super) fn receive(&self, entry: Entry, inherited: bool) {
        self.count(|counters| counters.receive(entry, inherited, Instant::now()));
    }

    /// Draining begins: what the threads have noted is counted from here on, by everybody.
    fn take_over(&self, inner: &mut Inner) {
        let Some(barrier) = self.barrier else { return };
        inner.is_armed = false;
        pool::change_mode(self.number, CLOSED, ARMED);
        barrier.all_threads();
        let (now, coarse_now) = (Instant::now(), coarse_nanos());
        let counters = &mut inner.counters;
        let when = |since| now.checked_sub(age(since, coarse_now)).unwrap_or(now);
        pool::collect(self.number, |found| match found {
            Found::Frame(frame, site) => {
                let since = when(frame.see(coarse_now));
                let entry = counters.enter(site, false, since, Who::of(frame.task()));
                frame.set_entry(entry.to_bits());
            }
            Found::Slot(slot) => {
                let (None, Some(site)) = (slot.entry(), slot.site()) else { return };
                let details = &slot.details;
                let (since, who) = (when(details.since()), details.who());
                let entry = counters.enter(site, details.is_inherited(), since, who);
                slot.set_entry(entry.to_bits());
            }
        });
    }

    /// Whether threads note calls that the counters do not have.
    fn is_noting(&self, inner: &Inner) -> bool {
        self.barrier.is_some() && inner.counters.closed_at().is_none()
    }

    /// How many calls threads have noted that the counters do not have.
    fn noted(&self, inner: &Inner) -> usize {
        let mut noted = 0;
        if self.is_noting(inner) {
            pool::collect(self.number, |found| {
                noted += usize::from(match found {
                    Found::Frame(..) => true,
                    Found::Slot(slot) => slot.entry().is_none(),
                });
            });
        }
        noted
    }

    /// A call was let in.
    fn entered(&self, inner: MutexGuard<'_, Inner>) {
        let is_first = match self.barrier {
            None => inner.watches_first_call && inner.counters.in_flight() == 1,
            Some(_) => inner.is_armed,
        };
        if is_first {
            self.tell_first_call(inner);
        }
    }

    fn tell_first_call(&self, mut inner: MutexGuard<'_, Inner>) {
        if inner.is_armed {
            inner.is_armed = false;
            pool::change_mode(self.number, 0, ARMED);
        }
        let observer = inner.observer.clone();
        drop(inner);
        if let Some(observer) = observer {
            observer.first_call();
        }
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

/// A call has ended that may be in the counters.
fn end(
    counters: &mut Counters,
    entry: Option<u64>,
    ending: Ending,
    site: Option<&'static Site>,
) -> Left {
    if let Some(entry) = entry {
        return counters.leave(Entry::from_bits(entry), ending);
    }
    if let (Ending::Panicked, Some(site)) = (ending, site) {
        counters.panicked(site);
    }
    Left::default()
}

/// One call that a thread has noted, if it is still there.
fn tally(found: &Found, now: u64) -> Option<Tally> {
    let (site, since, who) = match found {
        Found::Frame(frame, site) => (*site, frame.see(now), Who::of(frame.task())),
        Found::Slot(slot) => {
            let details = &slot.details;
            let (site, entry, since, who) =
                slot.read(|slot| (slot.site(), slot.entry(), details.since(), details.who()))?;
            (site.filter(|_| entry.is_none())?, since, who)
        }
    };
    Some(Tally { site, in_flight: 1, oldest: age(since, now), who })
}

fn status(tally: &Tally) -> SiteStatus {
    SiteStatus {
        name: tally.site.name(),
        location: tally.site.location(),
        in_flight: tally.in_flight,
        oldest: tally.oldest,
        task: tally.who.task,
        span: tally.who.span(),
    }
}

impl Inner {
    fn is_idle(&self) -> bool {
        self.counters.closed_at().is_some() && self.counters.in_flight() == 0
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
