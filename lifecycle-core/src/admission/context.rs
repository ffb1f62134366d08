//! Which call the running code belongs to, per thread.
//!
//! A stack of frames, pushed and popped around each poll and each call, on the thread's
//! [`Lane`]. The top frame is the call that the running code belongs to, if it was pushed by the
//! same tokio task: a runtime nested in a call may poll tasks that have nothing to do with it.
//!
//! A call that is admitted while the gate is open is its frame and nothing else, until it is
//! suspended or somebody asks for a handle; see `lane`.

use std::{
    cell::{Cell, RefCell},
    fmt,
    marker::PhantomData,
    mem,
    sync::Arc,
    thread as threads,
};

use super::{
    call::{Call, GateRef},
    details::{Details, Who},
    ending::Ending,
    gate::{Gate, PROCESS},
    lane::{ARMED, CLOSED, ENDING, Frame, Lane, Slot, UNTIDY, What},
    refused::Refused,
    task::{known, task},
    thread,
};
use crate::{Site, SourceLocation, declare::site::Drain};

thread_local! {
    static THREAD: Thread = const { Thread::new() };
    static GATES: Gates = const { Gates::new() };
}

/// Lets a call of `site` in: as part of the call that the running code belongs to, or else as a
/// fresh one.
pub(super) fn admit(site: &'static Site) -> Result<Call, Refused> {
    let lane = attached_lane();
    let admitted = match caller(lane) {
        Some((_, caller)) => Ok(gate_of(lane, caller).inherit(site)),
        None => {
            let gate = gate();
            gate.admit(site).inspect_err(|_| note_if_main(&gate))
        }
    };
    thread::release_if_ended();
    admitted
}

/// A fresh call of the running code was refused or cancelled.
pub(super) fn note_if_main(gate: &Gate) {
    if is_main() {
        gate.note_refusal_of_main();
    }
}

/// What somebody asks who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// When draining begins: whoever waits for that is ready for work.
    Draining,
    /// Anything else about the stop.
    Other,
}

impl Gate {
    /// The running code asks, at `location`, about the stop: from now on it is taken to know what
    /// to do when one comes. What `main` asks always counts, what others ask counts where they are
    /// not part of a call, and what is asked [`as_library`] counts for nothing.
    pub(crate) fn listen(&self, location: SourceLocation, interest: Interest) {
        if is_library() {
            return;
        }
        let is_main = is_main();
        if is_main || !is_in_call() {
            self.add_listener(location, is_main);
        }
        if interest == Interest::Draining {
            self.note_ready();
        }
    }

    /// The application has been told of the stop: by a milestone, or by a refusal. What is told
    /// [`as_library`] is told to nobody.
    pub(crate) fn note_stop_seen(&self) {
        if !is_library() {
            self.set_stop_seen();
        }
    }
}

/// Whether [`as_library`] runs.
fn is_library() -> bool {
    THREAD.with(|thread| thread.library.get())
}

/// Runs `work` as code that belongs to nobody's service: what it asks about the stop makes nobody a
/// listener, and nobody ready. For the library itself, for extensions, for what answers a probe; a
/// future is to be polled in it.
pub(crate) fn as_library<R>(work: impl FnOnce() -> R) -> R {
    let _restore = RestoreLibrary(THREAD.with(|thread| thread.library.replace(true)));
    work()
}

/// Marks the code that `poll` runs as `main`'s own: for [`Gate::main_was_refused`] and
/// [`Gate::listen`].
pub(crate) fn poll_as_main<R>(poll: impl FnOnce() -> R) -> R {
    let main = Main { task: task() };
    let _restore = RestoreMain(THREAD.with(|thread| thread.main.replace(Some(main))));
    poll()
}

/// Makes `gate` the one for fresh calls on this thread, until the guard is dropped. Guards are
/// dropped in the opposite order of their making.
pub(crate) fn use_gate(gate: Arc<Gate>) -> UseGate {
    let before = replace_gate(Some(gate));
    UseGate { before, _this_thread: PhantomData }
}

/// See [`use_gate`].
#[must_use = "the gate is in use only while this lives"]
#[derive(Debug)]
pub(crate) struct UseGate {
    before: Option<Arc<Gate>>,
    _this_thread: PhantomData<*const ()>,
}

impl Drop for UseGate {
    fn drop(&mut self) {
        drop(replace_gate(self.before.take()));
    }
}

fn replace_gate(gate: Option<Arc<Gate>>) -> Option<Arc<Gate>> {
    THREAD.with(|thread| thread.has_gates.set(true));
    let before = GATES.try_with(|gates| gates.own.replace(gate)).ok().flatten();
    if let Some(lane) = thread::lane() {
        attach(lane);
    }
    before
}

/// The gate for fresh calls on this thread.
pub(super) fn gate() -> GateRef {
    own_gate().map_or(GateRef::Process, GateRef::Own)
}

/// The gate of the scenario on this thread, if there is one.
pub(crate) fn own_gate() -> Option<Arc<Gate>> {
    let of = |gates: &Gates| gates.own.borrow().clone();
    has_gates().then(|| GATES.try_with(of).ok().flatten()).flatten()
}

/// Whether the thread may have gates of its own. To look for them where there never was one would
/// make a thread-local with a destructor, for which the loader's lock is taken.
fn has_gates() -> bool {
    THREAD.with(|thread| thread.has_gates.get())
}

/// Whether `main`'s own code runs.
fn is_main() -> bool {
    THREAD
        .with(|thread| thread.main.get())
        .is_some_and(|main| same_task(known(main.task), known(task())))
}

/// The call that the running code belongs to.
pub(super) fn current() -> Option<Call> {
    let lane = thread::lane()?;
    let (frame, caller) = caller(lane)?;
    let slot = match caller {
        Caller::Light(site) => promote(lane, frame, site),
        Caller::Full(slot) => slot,
    };
    slot.add_handle();
    Some(Call::of(slot))
}

/// The gate of the call that the running code belongs to.
pub(super) fn gate_of_caller() -> Option<GateRef> {
    let lane = thread::lane()?;
    caller(lane).map(|(_, caller)| gate_of(lane, caller))
}

/// A site that no attribute declares is used.
pub(super) fn note_used() {
    gate_of_caller().unwrap_or_else(gate).note_used();
}

fn is_in_call() -> bool {
    thread::lane().and_then(caller).is_some()
}

/// What the running code belongs to.
#[derive(Clone, Copy)]
enum Caller {
    Light(&'static Site),
    Full(&'static Slot),
}

fn caller(lane: &'static Lane) -> Option<(&'static Frame, Caller)> {
    let frame = lane.topmost(|what| !matches!(what, What::Free))?;
    let caller = match frame.what() {
        What::Light(site) => Caller::Light(site),
        What::Full(slot) | What::Dropping(slot) => Caller::Full(slot),
        What::Free => return None,
    };
    same_task(known(frame.task()), known(task())).then_some((frame, caller))
}

fn gate_of(lane: &Lane, caller: Caller) -> GateRef {
    match caller {
        Caller::Light(_) => attached_gate(lane),
        Caller::Full(slot) => GateRef::of(slot),
    }
}

/// Lets a call of `site` in, or turns it away. What this thread runs while the guard lives is part
/// of the call. The first statement of a tracked `fn`.
///
/// # Errors
/// The call is fresh and the service is draining.
#[inline(always)] // The fast path is shorter than the calls it would take.
pub fn enter(site: &'static Site) -> Result<Entered, Refused> {
    match note(site) {
        Some((lane, frame)) => Ok(Entered { lane, frame, _this_thread: PhantomData }),
        None => enter_slowly(site),
    }
}

/// The way of nearly every call: the gate is open, and then it makes no difference what the running
/// code belongs to. A call that begins while its thread unwinds keeps that in mind, so that it is
/// more than a frame.
#[inline(always)]
fn note(site: &'static Site) -> Option<(&'static Lane, &'static Frame)> {
    let lane = thread::fast()?;
    if threads::panicking() {
        return None;
    }
    let frame = lane.enter(site, task());
    (lane.settle_quickly() == 0 || stays(lane, frame)).then_some((lane, frame))
}

/// The same, where it may be the first call of the thread.
fn note_first(site: &'static Site) -> Option<(&'static Lane, &'static Frame)> {
    attached_lane();
    note(site)
}

/// The guard of [`enter`]. Guards may be dropped in any order, but on their thread.
#[must_use = "the call ends when the guard is dropped"]
pub struct Entered {
    lane: &'static Lane,
    frame: &'static Frame,
    _this_thread: PhantomData<*const ()>,
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

impl Drop for Entered {
    #[inline(always)]
    fn drop(&mut self) {
        let Self { lane, frame, .. } = *self;
        // Both ways into one call, so that this is short enough for the compiler to put in place.
        let is_left = !threads::panicking() && lane.leave_light(frame);
        if !is_left || lane.settle_quickly() != 0 {
            leave_slowly(lane, frame, is_left);
        }
    }
}

#[cold]
fn leave_slowly(lane: &'static Lane, frame: &'static Frame, is_left: bool) {
    if is_left {
        left(lane, frame, lane.settle());
    } else {
        pop(lane, frame, true);
    }
}

#[cold]
fn enter_slowly(site: &'static Site) -> Result<Entered, Refused> {
    let (lane, frame) = match note_first(site) {
        Some(noted) => noted,
        None => push_call(admit(site)?, false),
    };
    Ok(Entered { lane, frame, _this_thread: PhantomData })
}

/// A call was noted, and there is more to do. Returns whether it is let in; if not, it is noted no
/// more.
#[cold]
fn stays(lane: &'static Lane, frame: &'static Frame) -> bool {
    let mode = lane.settle();
    if mode == 0 {
        return true;
    }
    let gate = attached_gate(lane);
    if mode & CLOSED != 0 {
        // For good: from here on nothing is noted that would have to be taken back.
        thread::set_fast(false);
        if !gate.counts_frame(frame) {
            lane.leave(frame);
            return false;
        }
    }
    if mode & ARMED != 0 {
        gate.hear_first_call();
    }
    true
}

/// A call that was nothing but `frame` was left, and there is more to do.
#[cold]
fn left(lane: &'static Lane, frame: &'static Frame, mode: usize) {
    if mode & CLOSED != 0 {
        attached_gate(lane).end_frame(frame, None);
    }
    if mode & UNTIDY != 0 {
        lane.tidy();
    }
    thread::release_if_ended();
}

/// Moves a call from its frame to a slot, which others may hold.
fn promote(lane: &'static Lane, frame: &'static Frame, site: &'static Site) -> &'static Slot {
    let gate = attached_own_gate(lane);
    let who = Who::here(frame.task());
    if let What::Full(slot) = frame.what() {
        // The subscriber has asked for this very call.
        return slot;
    }
    let slot = lane.promote(frame, site, |details: &Details| {
        details.describe(Ending::Finished, false, who);
        details.began_before(frame.seen());
        if let Some(gate) = gate {
            details.set_gate(gate);
        }
    });
    if lane.settle() & CLOSED != 0 {
        attached_gate(lane).move_entry(frame, slot);
    }
    slot
}

/// Makes the code that runs until [`Pushed::pop`] belong to `call`. Where it `decides`, a panic that
/// ends it is one of the call.
#[inline(always)]
pub(super) fn push(call: Call, decides: bool) -> Pushed {
    Pushed::of(push_call(call, false), decides)
}

/// Lets a call of `site` in, or turns it away; see [`push`]. The frame decides.
#[inline(always)]
pub(super) fn push_new(site: &'static Site) -> Option<Pushed> {
    let noted = if matches!(site.policy().drain, Drain::Finish) { note(site) } else { None };
    Some(Pushed::of(noted.or_else(|| push_new_slowly(site))?, true))
}

#[cold]
fn push_new_slowly(site: &'static Site) -> Option<(&'static Lane, &'static Frame)> {
    let noted = if matches!(site.policy().drain, Drain::Finish) { note_first(site) } else { None };
    noted.or_else(|| admit(site).ok().map(|call| push_call(call, false)))
}

#[inline]
fn push_call(call: Call, drops: bool) -> (&'static Lane, &'static Frame) {
    let lane = thread::fast().unwrap_or_else(attached_lane);
    let slot = call.into_slot();
    let frame = lane.resume(slot, drops, task());
    if slot.gate() != lane.gate() {
        change_foreign(lane, 1);
    }
    (lane, frame)
}

/// A frame of a call with a slot is gone.
#[inline]
fn pop_call(lane: &'static Lane, frame: &'static Frame, slot: &'static Slot) -> Call {
    lane.leave(frame);
    if slot.gate() != lane.gate() {
        change_foreign(lane, -1);
    }
    tidy(lane);
    Call::of(slot)
}

#[inline]
fn tidy(lane: &'static Lane) {
    if lane.is(UNTIDY | ENDING) {
        tidy_up(lane);
    }
}

#[cold]
fn tidy_up(lane: &'static Lane) {
    lane.tidy();
    thread::release_if_ended();
}

/// A pushed frame; popped when dropped, in whatever order.
pub(super) struct Pushed {
    lane: &'static Lane,
    frame: &'static Frame,
    decides: bool,
    _this_thread: PhantomData<*const ()>,
}

impl Pushed {
    #[inline(always)]
    const fn of((lane, frame): (&'static Lane, &'static Frame), decides: bool) -> Self {
        Self { lane, frame, decides, _this_thread: PhantomData }
    }

    /// Gives back the call.
    pub(super) fn pop(self) -> Call {
        let Self { lane, frame, .. } = self;
        mem::forget(self);
        let slot = match frame.what() {
            What::Light(site) => promote(lane, frame, site),
            What::Full(slot) | What::Dropping(slot) => slot,
            What::Free => unreachable!("a frame is in use until it is popped"),
        };
        pop_call(lane, frame, slot)
    }

    /// The call has finished, where the frame decides.
    #[inline(always)]
    pub(super) fn finish(self) {
        let this = mem::ManuallyDrop::new(self);
        let (lane, frame) = (this.lane, this.frame);
        let is_left = !threads::panicking() && lane.leave_light(frame);
        if !is_left || lane.settle_quickly() != 0 {
            finish_slowly(lane, frame, is_left, this.decides);
        }
    }
}

fn finish_slowly(lane: &'static Lane, frame: &'static Frame, is_left: bool, decides: bool) {
    if is_left {
        left(lane, frame, lane.settle());
        return;
    }
    let call = Pushed::of((lane, frame), decides).pop();
    if decides {
        call.end(Ending::Finished);
    }
}

impl Drop for Pushed {
    #[inline]
    fn drop(&mut self) {
        pop(self.lane, self.frame, self.decides);
    }
}

/// A frame is left: by a panic, which is one of its call where the frame `decides`, or otherwise.
#[cold]
fn pop(lane: &'static Lane, frame: &'static Frame, decides: bool) {
    match frame.what() {
        What::Light(site) => {
            lane.leave(frame);
            let panicked = decides && threads::panicking();
            if lane.settle() & CLOSED != 0 || panicked {
                attached_gate(lane).end_frame(frame, panicked.then_some(site));
            }
            tidy(lane);
        }
        What::Full(slot) | What::Dropping(slot) => {
            let call = pop_call(lane, frame, slot);
            if decides && call.is_unwinding() {
                call.end(Ending::Panicked);
            }
        }
        What::Free => {
            lane.leave(frame);
            tidy(lane);
        }
    }
}

/// A destructor of `call` begins; [`pop_for_drop`] ends it.
pub(super) fn push_for_drop(call: Call) {
    push_call(call, true);
}

/// Ends what [`push_for_drop`] began last on this thread: destructors nest.
#[cold]
pub(super) fn pop_for_drop() {
    let Some(lane) = thread::lane() else { return };
    let Some(frame) = lane.topmost(|what| matches!(what, What::Dropping(_))) else { return };
    if let What::Dropping(slot) = frame.what() {
        drop(pop_call(lane, frame, slot));
    }
}

/// The lane of this thread, which notes the calls of some gate.
#[cold]
fn attached_lane() -> &'static Lane {
    let lane = thread::lane_or_new();
    if lane.gate() == 0 {
        attach(lane);
    }
    lane
}

/// Has the lane note the calls of the thread's own gate where that is one for that, and else those
/// of the process; while there is a call on it, it stays as it is.
fn attach(lane: &'static Lane) {
    let own = own_gate();
    let noted = own.clone().filter(|gate| gate.is_by_thread());
    let number = noted.as_ref().unwrap_or_else(|| Gate::process()).number();
    if lane.gate() != number && lane.is_empty() {
        noted.as_ref().unwrap_or_else(|| Gate::process()).attach(lane);
        if has_gates() {
            let before = GATES.try_with(|gates| gates.attached.replace(noted));
            drop(before);
        }
    }
    change_foreign(lane, 0);
}

/// Frames of calls that the lane does not note, as they are of another gate, come or go.
fn change_foreign(lane: &'static Lane, by: isize) {
    let foreign = THREAD.with(|thread| {
        let foreign = thread.foreign.get().wrapping_add_signed(by);
        thread.foreign.set(foreign);
        foreign
    });
    thread::set_fast(foreign == 0 && gate().number() == lane.gate());
}

/// The gate whose calls the lane notes.
fn attached_gate(lane: &Lane) -> GateRef {
    attached_own_gate(lane).map_or(GateRef::Process, GateRef::Own)
}

fn attached_own_gate(lane: &Lane) -> Option<Arc<Gate>> {
    if lane.gate() == PROCESS {
        return None;
    }
    GATES.try_with(|gates| gates.attached.borrow().clone()).ok().flatten()
}

/// "Unknown" inherits: outside a task there is no id, as in a `block_on` within a call.
fn same_task<T: Copy + PartialEq>(then: Option<T>, now: Option<T>) -> bool {
    now.is_none() || then == now
}

/// What of a thread is there to its very end.
struct Thread {
    main: Cell<Option<Main>>,
    /// The code that runs is the library's.
    library: Cell<bool>,
    /// How many frames are of another gate than the lane is.
    foreign: Cell<usize>,
    /// See [`has_gates`].
    has_gates: Cell<bool>,
}

impl Thread {
    const fn new() -> Self {
        Self {
            main: Cell::new(None),
            library: Cell::new(false),
            foreign: Cell::new(0),
            has_gates: Cell::new(false),
        }
    }
}

/// The gates of a thread that are not that of the process.
struct Gates {
    own: RefCell<Option<Arc<Gate>>>,
    /// That whose calls the lane notes.
    attached: RefCell<Option<Arc<Gate>>>,
}

impl Gates {
    const fn new() -> Self {
        Self { own: RefCell::new(None), attached: RefCell::new(None) }
    }
}

/// `main` is being polled.
#[derive(Clone, Copy)]
struct Main {
    task: u64,
}

struct RestoreMain(Option<Main>);

impl Drop for RestoreMain {
    fn drop(&mut self) {
        THREAD.with(|thread| thread.main.set(self.0));
    }
}

struct RestoreLibrary(bool);

impl Drop for RestoreLibrary {
    fn drop(&mut self) {
        THREAD.with(|thread| thread.library.set(self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::same_task;
    use tokio::task;

    #[tokio::test]
    async fn only_another_known_task_is_another_task() {
        let one: Option<task::Id> = Some(tokio::spawn(async {}).id());
        let two: Option<task::Id> = Some(tokio::spawn(async {}).id());
        assert!(same_task::<task::Id>(None, None) && same_task(one, one) && same_task(one, None));
        assert!(!same_task(one, two) && !same_task(None, one));
    }
}
