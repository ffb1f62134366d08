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
//! **What is counted**: each frame that holds a site, and each slot that is live, once. A call that
//! is moved from its frame to a slot is counted once as well: see [`Lane::collect`].

use std::{array, sync::OnceLock};

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
/// How many frames are at hand, and how many slots come at once.
const FRAMES: usize = 32;
const SLOTS: usize = 32;
const SEGMENTS: usize = 24;

/// What a frame holds that is no site of the application's.
static FULL: Site = Site::new("a call with a slot");
static DROPPING: Site = Site::new("a call with a slot, whose destructors run");
static WAITING: Site = Site::new("a call that is not admitted yet");

/// See the module.
#[repr(align(128))]
pub(super) struct Lane {
    mode: AtomicUsize,
    /// The highest frame that may be in use. It is moved down by who leaves a frame below, and not
    /// by who leaves the top: a loop over one function then writes nothing here, so no call has to
    /// wait for what the one before has stored.
    top: AtomicUsize,
    /// The number of the gate whose calls are noted here, or 0.
    gate: AtomicUsize,
    /// How many calls were moved from a frame to a slot.
    moves: AtomicUsize,
    frames: [Frame; FRAMES],
    /// Further frames: each segment is as long as all before it.
    deeper: [OnceLock<Box<[Frame]>>; SEGMENTS],
    free: AtomicRef<Slot>,
    /// Slots that other threads gave back.
    returned: AtomicRef<Slot>,
    chunks: AtomicRef<Chunk>,
}

/// What a thread is inside of.
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
}

/// What a frame is.
#[derive(Clone, Copy)]
pub(super) enum What {
    Free,
    /// A call that is still to be admitted.
    Waiting,
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
    next: AtomicRef<Slot>,
    /// Odd while the call is in flight; it never has the same value twice.
    state: AtomicUsize,
    /// Which of the lane's moves has brought the call here; 0 where it began here.
    moved: AtomicUsize,
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
    pub(super) fn new() -> Self {
        Self {
            mode: AtomicUsize::new(0),
            top: AtomicUsize::new(0),
            gate: AtomicUsize::new(0),
            moves: AtomicUsize::new(0),
            frames: array::from_fn(|_| Frame::new()),
            deeper: [const { OnceLock::new() }; SEGMENTS],
            free: AtomicRef::none(),
            returned: AtomicRef::none(),
            chunks: AtomicRef::none(),
        }
    }

    /// What the gate, or the thread itself, has to say about what the thread has just written: 0
    /// where there is nothing to do.
    ///
    /// This is the thread's half of the barrier. The gate's half is: set a bit of `mode`, make all
    /// threads pass a fence, [`collect`](Self::collect). Without it the load of `mode` could be
    /// done before the store of the frame: then the call is let in and the gate does not see it; or
    /// before the store that frees the frame: then the gate waits for a call that has ended and
    /// tells nobody.
    #[inline]
    pub(super) fn settle(&self) -> usize {
        compiler_fence(Ordering::SeqCst);
        let mode = self.mode.load(Ordering::Relaxed);
        if mode == 0 { 0 } else { self.settle_by_fence(mode) }
    }

    #[cold]
    fn settle_by_fence(&self, mode: usize) -> usize {
        if mode & FENCED == 0 {
            return mode;
        }
        // Meets the fence of who sets a bit: the later of the two sees what the other has written.
        fence(Ordering::SeqCst);
        self.mode.load(Ordering::Relaxed) & !FENCED
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

    /// Notes a call of `site`. Only where it is cheap.
    #[inline]
    pub(super) fn enter(&'static self, site: &'static Site, task: u64) -> Option<usize> {
        let (index, frame) = self.place()?;
        frame.enter(site, task);
        Some(index)
    }

    /// As [`enter`](Self::enter), at any depth.
    pub(super) fn enter_deep(&'static self, site: &'static Site, task: u64) -> usize {
        let (index, frame) = self.place_deep();
        frame.enter(site, task);
        index
    }

    /// Notes that a call may come.
    #[inline]
    pub(super) fn wait(&'static self, task: u64) -> usize {
        let (index, frame) = self.place().unwrap_or_else(|| self.place_deep());
        frame.task.store(task, Ordering::Relaxed);
        frame.site.store(Some(&WAITING));
        index
    }

    /// The call that the top frame has waited for is one of `site`. Only where it is cheap, and
    /// where there is such a frame.
    #[inline]
    pub(super) fn fill(&'static self, site: &'static Site) -> Option<usize> {
        let index = self.top.load(Ordering::Relaxed);
        let frame = self.frames.get(index).filter(|frame| frame.holds(&WAITING))?;
        frame.seen.store(0, Ordering::Relaxed);
        frame.site.store(Some(site));
        Some(index)
    }

    /// The call that the top frame has waited for is `slot`. Returns whether it did wait.
    pub(super) fn fill_with(&'static self, slot: &'static Slot) -> bool {
        let frame = self.frame(self.top.load(Ordering::Relaxed));
        let is_waiting = frame.holds(&WAITING);
        if is_waiting {
            frame.slot.store(Some(slot));
            frame.site.store(Some(&FULL));
        }
        is_waiting
    }

    /// The thread runs a part of `slot`, or its destructors.
    #[inline]
    pub(super) fn resume(&'static self, slot: &'static Slot, drops: bool, task: u64) -> usize {
        let (index, frame) = self.place().unwrap_or_else(|| self.place_deep());
        frame.task.store(task, Ordering::Relaxed);
        frame.slot.store(Some(slot));
        frame.site.store(Some(if drops { &DROPPING } else { &FULL }));
        index
    }

    /// Frees a frame.
    #[inline]
    pub(super) fn leave(&'static self, index: usize, frame: &'static Frame) {
        frame.site.store(None);
        if self.top.load(Ordering::Relaxed) != index {
            self.lower_top(index);
        }
    }

    /// Frees a frame whose call, if there is one, is nothing else. Only where it is cheap.
    #[inline]
    pub(super) fn leave_light(&'static self, index: usize) -> Option<&'static Frame> {
        let frame = self.frames.get(index).filter(|frame| !frame.holds(&FULL))?;
        self.leave(index, frame);
        Some(frame)
    }

    /// The call that came into a frame which waited is turned away.
    pub(super) fn wait_again(&'static self, index: usize) {
        self.frame(index).site.store(Some(&WAITING));
    }

    #[inline]
    fn lower_top(&'static self, to: usize) {
        let mut top = self.top.load(Ordering::Relaxed);
        while top > to && self.frame(top).is_free() {
            top -= 1;
        }
        self.top.store(top, Ordering::Relaxed);
        if top != to {
            self.set(UNTIDY);
        }
    }

    /// Forgets the free frames at the top.
    pub(super) fn tidy(&'static self) {
        let mut top = self.top.load(Ordering::Relaxed);
        while top > 0 && self.frame(top).is_free() && self.frame(top - 1).is_free() {
            top -= 1;
        }
        self.top.store(top, Ordering::Relaxed);
        if (0..top).all(|below| !self.frame(below).is_free()) {
            self.unset(UNTIDY);
        }
    }

    /// Whether no frame is in use.
    pub(super) fn is_empty(&'static self) -> bool {
        (0..=self.top.load(Ordering::Relaxed)).all(|index| self.frame(index).is_free())
    }

    /// The uppermost frame that `is` such.
    pub(super) fn topmost(
        &'static self,
        is: impl Fn(What) -> bool,
    ) -> Option<(usize, &'static Frame)> {
        let top = self.top.load(Ordering::Relaxed);
        let mut frames = (0..=top).rev().map(|index| (index, self.frame(index)));
        frames.find(|(_, frame)| is(frame.what()))
    }

    /// Moves a call from its frame to a slot. `describe` writes down what else is known.
    ///
    /// The order is what [`collect`](Self::collect) goes by: slot, frame, number.
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
    pub(super) fn collect(&'static self, gate: usize, found: &mut impl FnMut(Found)) {
        let mut moved = usize::MAX;
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
            let is_counted =
                |slot: &&Slot| slot.is_of(gate) && slot.moved.load(Ordering::Relaxed) <= moved;
            slots.iter().filter(is_counted).for_each(|slot| found(Found::Slot(slot)));
            chunk = *next;
        }
    }

    fn look_at_frames(&'static self, gate: usize, moved: usize, found: &mut Vec<Found>) {
        for index in 0..=self.top.load(Ordering::Relaxed) {
            let Some(frame) = self.known_frame(index) else { continue };
            match frame.what() {
                What::Light(site) => found.push(Found::Frame(frame, site)),
                What::Full(slot)
                    if slot.is_of(gate) && slot.moved.load(Ordering::Relaxed) > moved =>
                {
                    found.push(Found::Slot(slot));
                }
                _ => {}
            }
        }
    }

    #[inline]
    fn place(&'static self) -> Option<(usize, &'static Frame)> {
        let top = self.top.load(Ordering::Relaxed);
        let frame = self.frames.get(top)?;
        if frame.is_free() {
            return Some((top, frame));
        }
        let frame = self.frames.get(top + 1)?;
        self.top.store(top + 1, Ordering::Relaxed);
        Some((top + 1, frame))
    }

    #[cold]
    fn place_deep(&'static self) -> (usize, &'static Frame) {
        let mut top = self.top.load(Ordering::Relaxed);
        if !self.frame(top).is_free() {
            top += 1;
            self.top.store(top, Ordering::Relaxed);
        }
        (top, self.frame(top))
    }

    pub(super) fn frame(&'static self, index: usize) -> &'static Frame {
        if let Some(frame) = self.frames.get(index) {
            return frame;
        }
        let segment = (index / FRAMES).ilog2();
        let len = FRAMES << segment;
        let segment = &self.deeper[segment as usize];
        &segment.get_or_init(|| (0..len).map(|_| Frame::new()).collect())[index - len]
    }

    /// As [`frame`](Self::frame), for other threads.
    fn known_frame(&'static self, index: usize) -> Option<&'static Frame> {
        if index < FRAMES {
            return Some(&self.frames[index]);
        }
        let segment = (index / FRAMES).ilog2();
        Some(&self.deeper[segment as usize].get()?[index - (FRAMES << segment)])
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
    fn new() -> Self {
        Self {
            site: AtomicRef::none(),
            task: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            slot: AtomicRef::none(),
            entry: AtomicU64::new(NO_ENTRY),
        }
    }

    #[inline]
    fn enter(&self, site: &'static Site, task: u64) {
        self.task.store(task, Ordering::Relaxed);
        self.seen.store(0, Ordering::Relaxed);
        self.site.store(Some(site));
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
        if std::ptr::eq(site, &raw const FULL) {
            slot(What::Full)
        } else if std::ptr::eq(site, &raw const DROPPING) {
            slot(What::Dropping)
        } else if std::ptr::eq(site, &raw const WAITING) {
            What::Waiting
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
        self.site.load().is_some_and(|site| std::ptr::eq(site, what))
    }
}

impl Slot {
    fn new(lane: &'static Lane) -> Self {
        Self {
            lane,
            next: AtomicRef::none(),
            state: AtomicUsize::new(0),
            moved: AtomicUsize::new(0),
            site: AtomicRef::none(),
            gate: AtomicUsize::new(0),
            entry: AtomicU64::new(NO_ENTRY),
            handles: AtomicUsize::new(0),
            details: Details::new(),
        }
    }

    /// A call begins, with one handle. Whoever looks at it before it has begun sees none.
    pub(super) fn begin(&self, site: Option<&'static Site>, gate: usize, moved: usize) {
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
        if own.is_some_and(|own| std::ptr::eq(own, lane)) {
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

    fn is_of(&self, gate: usize) -> bool {
        self.is_live() && self.gate() == gate && self.site.load().is_some()
    }
}
