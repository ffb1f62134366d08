//! What one thread is doing, written by it alone and read by whoever wants to know.
//!
//! A [`Lane`] has a stack of [`Frame`]s: what the thread is inside of. A call that has never been
//! suspended, and that nobody asked a handle for, is a frame and nothing else. Any other call is a
//! [`Slot`], which stays where it is while the call goes from thread to thread; then its frames only
//! point to it. A lane owns the slots of the calls that began on it, so that taking one costs no
//! locked instruction, nor does giving it back on the same thread.
//!
//! Lanes and slots live for ever and are used again: there are as many as there ever were at once.
//!
//! **What is counted**: each frame that holds a site, and each live slot that has a site, once. A call that
//! is moved from its frame to a slot is counted once as well: see [`Lane::collect`].

use std::{array, ptr};

use super::details::Details;
use crate::{
    Site,
    os::{
        atomic::{AtomicU64, AtomicUsize, Ordering, compiler_fence, fence},
        atomic_ref::AtomicRef,
    },
};

/// Why a thread has to do more than to note a call: bits of [`Lane::mode`].
///
/// Its gate is closed.
pub(super) const CLOSED: usize = 1;
/// Somebody wants to hear of the first call.
pub(super) const ARMED: usize = 2;
/// The threads have fences of their own.
pub(super) const FENCED: usize = 4;
/// Frames were left out of order: there may be free ones below the top.
pub(super) const UNTIDY: usize = 8;
/// The thread's own data is gone: it gives the lane back as soon as that is empty.
pub(super) const ENDING: usize = 16;

/// Not in the counters.
pub(super) const NO_ENTRY: u64 = u64::MAX;

/// How many times the frames may be looked at again because calls were moved meanwhile.
const LOOKS: usize = 10_000;
/// How many frames, and how many slots, come at once.
const FRAMES: usize = 8;
const SLOTS: usize = 32;

/// What a frame holds that is no site of the application's.
static FULL: Site = Site::new("a call with a slot");
static DROPPING: Site = Site::new("a call with a slot, whose destructors run");

/// See the module.
#[repr(C, align(128))] // What every call looks at lies together.
pub(super) struct Lane {
    mode: AtomicUsize,
    /// The highest frame that may be in use; there always is one. It is moved down by who leaves a
    /// frame below, and not by who leaves the top: a loop over one function then writes nothing
    /// here, so no call has to wait for what the one before has stored.
    top: AtomicRef<Frame>,
    /// The number of the gate whose calls are noted here, or 0.
    gate: AtomicUsize,
    /// How many calls were moved from a frame to a slot.
    moves: AtomicU64,
    free: AtomicRef<Slot>,
    /// Slots that other threads gave back.
    returned: AtomicRef<Slot>,
    chunks: AtomicRef<Chunk>,
}

/// What a thread is inside of.
#[repr(align(64))]
pub(super) struct Frame {
    /// Nothing where the frame is free.
    site: AtomicRef<Site>,
    task: AtomicU64,
    /// When somebody first saw the call, in nanoseconds of the coarse clock, or 0. The one field
    /// that others write.
    seen: AtomicU64,
    slot: AtomicRef<Slot>,
    /// Where the call is in the gate's counters: written under the gate's lock.
    entry: AtomicU64,
    /// The neighbours in the stack, which are there for good.
    above: AtomicRef<Self>,
    below: AtomicRef<Self>,
}

/// What a frame is.
#[derive(Clone, Copy)]
pub(super) enum What {
    Free,
    /// A call that is nothing but this frame.
    Light(&'static Site),
    /// A call with a slot.
    Full(&'static Slot),
    /// The same, whose destructors run.
    Dropping(&'static Slot),
}

/// What [`Lane::collect`] finds.
pub(super) enum Found {
    Frame(&'static Frame, &'static Site),
    Slot(&'static Slot),
}

/// A call that is more than a frame.
pub(super) struct Slot {
    lane: &'static Lane,
    /// In a list of free slots.
    next: AtomicRef<Self>,
    /// Odd while the call is in flight; it never has the same value twice.
    state: AtomicUsize,
    /// Which of the lane's moves has brought the call here; 0 where it began here.
    moved: AtomicU64,
    /// Nothing where the call is not counted.
    site: AtomicRef<Site>,
    gate: AtomicUsize,
    /// Where the call is in the gate's counters: written under the gate's lock.
    entry: AtomicU64,
    handles: AtomicUsize,
    pub(super) details: Details,
}

struct Chunk {
    slots: Box<[Slot]>,
    next: Option<&'static Self>,
}

impl Lane {
    /// A lane for ever.
    pub(super) fn leak() -> &'static Self {
        let lane = Self {
            mode: AtomicUsize::new(0),
            top: AtomicRef::none(),
            gate: AtomicUsize::new(0),
            moves: AtomicU64::new(0),
            free: AtomicRef::none(),
            returned: AtomicRef::none(),
            chunks: AtomicRef::none(),
        };
        lane.top.store(Some(Frame::leak(None)));
        Box::leak(Box::new(lane))
    }

    /// What the gate, or the thread itself, has to say about what the thread has just written: 0
    /// where there is nothing to do.
    ///
    /// This is the thread's half of the barrier. The gate's half is: set a bit of `mode`, make all
    /// threads pass a fence, [`collect`](Self::collect). Without it the load of `mode` could be
    /// done before the store of the frame: then the call is let in and the gate does not see it; or
    /// before the store that frees the frame: then the gate waits for a call that has ended and
    /// tells nobody.
    pub(super) fn settle(&self) -> usize {
        let mode = self.settle_quickly();
        if mode & FENCED == 0 {
            return mode;
        }
        // Meets the fence of who sets a bit: the later of the two sees what the other has written.
        fence(Ordering::SeqCst);
        self.mode.load(Ordering::Relaxed) & !FENCED
    }

    /// Where this is 0, nothing is left to do. Else [`settle`](Self::settle) knows.
    #[inline]
    pub(super) fn settle_quickly(&self) -> usize {
        compiler_fence(Ordering::SeqCst);
        self.mode.load(Ordering::Relaxed)
    }

    pub(super) fn is(&self, mode: usize) -> bool {
        self.mode.load(Ordering::Relaxed) & mode != 0
    }

    /// Read-modify-write, as several write here. SeqCst is of no use: a fence follows.
    pub(super) fn set(&self, mode: usize) {
        self.mode.fetch_or(mode, Ordering::Relaxed);
    }

    pub(super) fn unset(&self, mode: usize) {
        self.mode.fetch_and(!mode, Ordering::Relaxed);
    }

    /// The number of the gate whose calls are noted here, or 0.
    #[inline]
    pub(super) fn gate(&self) -> usize {
        self.gate.load(Ordering::Relaxed)
    }

    /// From here on the calls of another gate are noted: while no frame is in use.
    pub(super) fn attach(&self, gate: usize, mode: usize) {
        self.unset(CLOSED | ARMED | FENCED);
        self.set(mode);
        self.gate.store(gate, Ordering::Relaxed);
    }

    /// Notes a call of `site`.
    #[inline]
    pub(super) fn enter(&self, site: &'static Site, task: u64) -> &'static Frame {
        let frame = self.place();
        frame.task.store(task, Ordering::Relaxed);
        frame.seen.store(0, Ordering::Relaxed);
        frame.site.store(Some(site));
        frame
    }

    /// The thread runs a part of `slot`, or its destructors.
    #[inline]
    pub(super) fn resume(&self, slot: &'static Slot, drops: bool, task: u64) -> &'static Frame {
        let frame = self.place();
        frame.task.store(task, Ordering::Relaxed);
        frame.slot.store(Some(slot));
        frame.site.store(Some(if drops { &DROPPING } else { &FULL }));
        frame
    }

    /// Frees a frame.
    #[inline]
    pub(super) fn leave(&self, frame: &'static Frame) {
        frame.site.store(None);
        if !ptr::eq(self.top(), frame) {
            self.lower_top(frame);
        }
    }

    /// Frees a frame whose call, if there is one, is nothing else.
    #[inline]
    pub(super) fn leave_light(&self, frame: &'static Frame) -> bool {
        let is_light = !frame.holds(&FULL);
        if is_light {
            self.leave(frame);
        }
        is_light
    }

    #[inline(never)]
    fn lower_top(&self, to: &'static Frame) {
        let mut top = self.top();
        while !ptr::eq(top, to) && top.is_free() {
            let Some(below) = top.below.load() else { break };
            top = below;
        }
        self.top.store(Some(top));
        if !ptr::eq(top, to) {
            self.set(UNTIDY);
        }
    }

    /// Forgets the free frames at the top.
    pub(super) fn tidy(&self) {
        let mut top = self.top();
        while let Some(below) = top.below.load().filter(|below| below.is_free() && top.is_free()) {
            top = below;
        }
        self.top.store(Some(top));
        if !self.frames().skip(1).any(Frame::is_free) {
            self.unset(UNTIDY);
        }
    }

    /// Whether no frame is in use.
    pub(super) fn is_empty(&self) -> bool {
        self.frames().all(Frame::is_free)
    }

    /// The uppermost frame that `is` such.
    pub(super) fn topmost(&self, is: impl Fn(What) -> bool) -> Option<&'static Frame> {
        self.frames().find(|frame| is(frame.what()))
    }

    /// From the top down.
    fn frames(&self) -> impl Iterator<Item = &'static Frame> + use<> {
        std::iter::successors(Some(self.top()), |frame| frame.below.load())
    }

    #[inline]
    fn top(&self) -> &'static Frame {
        match self.top.load() {
            Some(top) => top,
            None => unreachable!("a lane is made with a frame"),
        }
    }

    /// Moves a call from its frame to a slot. `describe` writes down what else is known.
    ///
    /// The order is what [`collect`](Self::collect) goes by: slot, frame, number.
    #[inline]
    pub(super) fn promote(
        &'static self,
        frame: &'static Frame,
        site: &'static Site,
        describe: impl FnOnce(&Details),
    ) -> &'static Slot {
        let slot = self.take();
        let number = self.moves.load(Ordering::Relaxed) + 1;
        describe(&slot.details);
        slot.begin(Some(site), self.gate(), number);
        frame.slot.store(Some(slot));
        frame.site.store(Some(&FULL));
        // Release: who sees the number sees that the frame is no call of its own any more.
        self.moves.store(number, Ordering::Release);
        slot
    }

    /// Calls of `gate` that are in flight: each that is during the whole of this exactly once.
    /// Nobody waits.
    ///
    /// A call that is being moved from its frame to a slot could be seen in both places, or in
    /// neither. So the frames are looked at while no move is completed, and where one was, again;
    /// let `seen` be the number of moves by then. A slot counts where its call was moved by one of
    /// those, or has begun there. A later one was either seen as a frame, or as a frame that points
    /// to its slot and counts for that reason.
    pub(super) fn collect(&self, gate: usize, found: &mut impl FnMut(Found)) {
        let mut moved = u64::MAX;
        let mut frames = Vec::new();
        if self.gate() == gate {
            for _ in 0..LOOKS {
                // Acquire: see `promote`.
                moved = self.moves.load(Ordering::Acquire);
                frames.clear();
                self.look_at_frames(gate, moved, &mut frames);
                // The frames were looked at before it is asked whether that was in time.
                fence(Ordering::Acquire);
                if self.moves.load(Ordering::Relaxed) == moved {
                    break;
                }
            }
        }
        frames.into_iter().for_each(&mut *found);
        let mut chunk = self.chunks.load();
        while let Some(Chunk { slots, next }) = chunk {
            let counted = slots.iter().filter(|slot| slot.is_of(gate, |number| number <= moved));
            counted.for_each(|slot| found(Found::Slot(slot)));
            chunk = *next;
        }
    }

    fn look_at_frames(&self, gate: usize, moved: u64, found: &mut Vec<Found>) {
        for frame in self.frames() {
            match frame.what() {
                What::Light(site) => found.push(Found::Frame(frame, site)),
                What::Full(slot)
                    if ptr::eq(slot.lane, self) && slot.is_of(gate, |number| number > moved) =>
                {
                    found.push(Found::Slot(slot));
                }
                _ => {}
            }
        }
    }

    /// A free frame above all others.
    #[inline]
    fn place(&self) -> &'static Frame {
        let top = self.top();
        if top.is_free() {
            return top;
        }
        let above = top.above.load().unwrap_or_else(|| Frame::leak(Some(top)));
        self.top.store(Some(above));
        above
    }

    /// A slot that is free.
    pub(super) fn take(&'static self) -> &'static Slot {
        let slot = self.free.load().unwrap_or_else(|| self.take_returned());
        self.free.store(slot.next.load());
        slot
    }

    #[cold]
    fn take_returned(&'static self) -> &'static Slot {
        self.returned.swap(None).unwrap_or_else(|| self.grow())
    }

    fn grow(&'static self) -> &'static Slot {
        let slots = (0..SLOTS).map(|_| Slot::new(self)).collect();
        let chunk: &'static Chunk = Box::leak(Box::new(Chunk { slots, next: self.chunks.load() }));
        for pair in chunk.slots.windows(2) {
            pair[0].next.store(Some(&pair[1]));
        }
        self.chunks.store(Some(chunk));
        &chunk.slots[0]
    }
}

impl Frame {
    /// The lowest of some frames above `below`.
    #[cold]
    fn leak(below: Option<&'static Self>) -> &'static Self {
        let frames: &'static [Self; FRAMES] = Box::leak(Box::new(array::from_fn(|_| Self {
            site: AtomicRef::none(),
            task: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            slot: AtomicRef::none(),
            entry: AtomicU64::new(NO_ENTRY),
            above: AtomicRef::none(),
            below: AtomicRef::none(),
        })));
        let mut last = below;
        for frame in frames {
            frame.below.store(last);
            if let Some(last) = last {
                last.above.store(Some(frame));
            }
            last = Some(frame);
        }
        &frames[0]
    }

    pub(super) fn task(&self) -> u64 {
        self.task.load(Ordering::Relaxed)
    }

    /// When the call was first seen, or 0.
    pub(super) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// When the call was first seen: now, if by this look.
    pub(super) fn see(&self, now: u64) -> u64 {
        // Only where nobody was before. The thread may begin another call meanwhile: then that one
        // is taken for older, by the time between the caller's look at the clock and this.
        let (done, failed) = (Ordering::Relaxed, Ordering::Relaxed);
        self.seen.compare_exchange(0, now, done, failed).map_or_else(|before| before, |_| now)
    }

    pub(super) fn what(&self) -> What {
        let Some(site) = self.site.load() else { return What::Free };
        let slot = |what: fn(&'static Slot) -> What| self.slot.load().map_or(What::Free, what);
        if ptr::eq(site, &raw const FULL) {
            slot(What::Full)
        } else if ptr::eq(site, &raw const DROPPING) {
            slot(What::Dropping)
        } else {
            What::Light(site)
        }
    }

    pub(super) fn set_entry(&self, entry: u64) {
        self.entry.store(entry, Ordering::Relaxed);
    }

    pub(super) fn entry(&self) -> Option<u64> {
        let entry = self.entry.load(Ordering::Relaxed);
        (entry != NO_ENTRY).then_some(entry)
    }

    pub(super) fn take_entry(&self) -> Option<u64> {
        let entry = self.entry();
        self.entry.store(NO_ENTRY, Ordering::Relaxed);
        entry
    }

    #[inline]
    fn is_free(&self) -> bool {
        self.site.load().is_none()
    }

    #[inline]
    fn holds(&self, what: &'static Site) -> bool {
        self.site.load().is_some_and(|site| ptr::eq(site, what))
    }
}

impl Slot {
    fn new(lane: &'static Lane) -> Self {
        Self {
            lane,
            next: AtomicRef::none(),
            state: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
            site: AtomicRef::none(),
            gate: AtomicUsize::new(0),
            entry: AtomicU64::new(NO_ENTRY),
            handles: AtomicUsize::new(0),
            details: Details::new(),
        }
    }

    /// A call begins, with one handle. Whoever looks at it before it has begun sees none.
    #[inline]
    pub(super) fn begin(&self, site: Option<&'static Site>, gate: usize, moved: u64) {
        self.site.store(site);
        self.gate.store(gate, Ordering::Relaxed);
        self.moved.store(moved, Ordering::Relaxed);
        self.handles.store(1, Ordering::Relaxed);
        self.step();
    }

    /// The call has ended, and the slot is of no use until it is [given back](Self::give_back).
    pub(super) fn end(&self) {
        self.step();
    }

    /// Release: who sees the new state sees what was written before it.
    fn step(&self) {
        self.state.store(self.state.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    /// A free slot is free for the thread that has its lane.
    pub(super) fn give_back(&'static self, own: Option<&'static Lane>) {
        self.entry.store(NO_ENTRY, Ordering::Relaxed);
        let lane = self.lane;
        if own.is_some_and(|own| ptr::eq(own, lane)) {
            self.next.store(lane.free.load());
            lane.free.store(Some(self));
            return;
        }
        loop {
            let first = lane.returned.load();
            self.next.store(first);
            if lane.returned.exchange(first, Some(self)) {
                return;
            }
        }
    }

    pub(super) fn add_handle(&self) {
        // Relaxed: whoever adds one has one.
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns whether it was the last.
    #[inline]
    pub(super) fn drop_handle(&self) -> bool {
        // Acquire and release: what the other holders wrote comes before what the last one reads.
        // Who has the only one needs no exchange, as nobody else can make another.
        self.handles.load(Ordering::Acquire) == 1
            || self.handles.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn site(&self) -> Option<&'static Site> {
        self.site.load()
    }

    pub(super) fn gate(&self) -> usize {
        self.gate.load(Ordering::Relaxed)
    }

    /// It is not counted from here on: under the gate's lock, where it has no entry.
    pub(super) fn retract(&self) {
        self.site.store(None);
    }

    pub(super) fn entry(&self) -> Option<u64> {
        let entry = self.entry.load(Ordering::Relaxed);
        (entry != NO_ENTRY).then_some(entry)
    }

    pub(super) fn set_entry(&self, entry: u64) {
        self.entry.store(entry, Ordering::Relaxed);
    }

    /// What `look` finds, if the same call is in flight before and after.
    pub(super) fn read<R>(&self, look: impl FnOnce(&Self) -> R) -> Option<R> {
        // Acquire: see `step`.
        let before = self.state.load(Ordering::Acquire);
        let found = look(self);
        // What was looked at is of this call if the state is still the same: the fence keeps the
        // loads above it.
        fence(Ordering::Acquire);
        let is_same = self.state.load(Ordering::Relaxed) == before;
        (before % 2 == 1 && is_same).then_some(found)
    }

    /// Acquire: see `step`.
    pub(super) fn is_live(&self) -> bool {
        self.state.load(Ordering::Acquire) % 2 == 1
    }

    /// Whether it is one call of `gate`, brought here by such a move, all the while.
    fn is_of(&self, gate: usize, is_such: impl Fn(u64) -> bool) -> bool {
        let look = |slot: &Self| {
            let counts = slot.gate() == gate && slot.site.load().is_some();
            counts && is_such(slot.moved.load(Ordering::Relaxed))
        };
        self.read(look) == Some(true)
    }
}
