//! Which call the running code belongs to, per thread.
//!
//! A stack of frames, pushed and popped around each poll and each call. The top frame is the call
//! that the running code belongs to, if it was pushed by the same tokio task: a runtime nested in a
//! call may poll tasks that have nothing to do with it.

use std::{
    cell::{Cell, RefCell},
    marker::PhantomData,
    sync::Arc,
};

use tokio::task;

use super::{
    ending::Ending,
    gate::{Call, Gate},
    refused::Refused,
};
use crate::{Site, SourceLocation};

thread_local! {
    static THREAD: Thread = const { Thread::new() };
}

/// Lets a call of `site` in: as part of the call that the running code belongs to, or else as a
/// fresh one.
pub(super) fn admit(site: &'static Site) -> Result<Arc<Call>, Refused> {
    match current() {
        Some(caller) => Ok(caller.gate().inherit(site)),
        None => {
            let gate = gate();
            gate.admit(site).inspect_err(|_| note_if_main(&gate))
        }
    }
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
        if THREAD.try_with(|thread| thread.library.get()).unwrap_or(false) {
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
}

/// Runs `work` as code that belongs to nobody's service: what it asks about the stop makes nobody a
/// listener, and nobody ready. For the library itself, for extensions, for what answers a probe; a
/// future is to be polled in it.
pub(crate) fn as_library<R>(work: impl FnOnce() -> R) -> R {
    let before = THREAD.try_with(|thread| thread.library.replace(true)).unwrap_or(false);
    let _restore = RestoreLibrary(before);
    work()
}

/// Marks the code that `poll` runs as `main`'s own: for [`Gate::main_was_refused`] and
/// [`Gate::listen`].
pub(crate) fn poll_as_main<R>(poll: impl FnOnce() -> R) -> R {
    let main = Main { task: task::try_id() };
    let _restore =
        RestoreMain(THREAD.try_with(|thread| thread.main.replace(Some(main))).ok().flatten());
    poll()
}

/// Makes `gate` the one for fresh calls on this thread, until the guard is dropped. Guards are
/// dropped in the opposite order of their making.
pub(crate) fn use_gate(gate: Arc<Gate>) -> UseGate {
    let before = THREAD.try_with(|thread| thread.gate.replace(Some(gate))).ok().flatten();
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
        let before = self.before.take();
        let mine = THREAD.try_with(|thread| thread.gate.replace(before));
        drop(mine);
    }
}

/// The gate for fresh calls on this thread.
pub(crate) fn gate() -> Arc<Gate> {
    own_gate().unwrap_or_else(|| Arc::clone(Gate::process()))
}

/// The gate of the scenario on this thread, if there is one.
pub(crate) fn own_gate() -> Option<Arc<Gate>> {
    THREAD.try_with(|thread| thread.gate.borrow().clone()).ok().flatten()
}

/// Whether `main`'s own code runs.
fn is_main() -> bool {
    let main = THREAD.try_with(|thread| thread.main.get()).ok().flatten();
    main.is_some_and(|main| same_task(main.task, task::try_id()))
}

/// The call that the running code belongs to.
pub(super) fn current() -> Option<Arc<Call>> {
    of_current(Arc::clone)
}

fn is_in_call() -> bool {
    of_current(|_| ()).is_some()
}

fn of_current<R>(look: impl FnOnce(&Arc<Call>) -> R) -> Option<R> {
    THREAD
        .try_with(|thread| {
            let frames = thread.frames.borrow();
            let (frame, call) =
                frames.iter().rev().find_map(|frame| Some((frame, frame.call.as_ref()?)))?;
            same_task(frame.task, task::try_id()).then(|| look(call))
        })
        .ok()
        .flatten()
}

/// Makes the code that runs until [`Pushed::pop`] belong to `call`; with `None`, to the call that
/// [`fill_frame`] will name. Where it `decides`, a panic that ends it is one of the call.
pub(super) fn push(call: Option<Arc<Call>>, decides: bool) -> Pushed {
    let mut call = call;
    let frame = THREAD.try_with(|thread| thread.push(call.take(), FrameKind::Running)).ok();
    Pushed { frame, call, decides, _this_thread: PhantomData }
}

/// A pushed frame; popped when dropped, in whatever order.
#[derive(Debug)]
pub(super) struct Pushed {
    frame: Option<u64>,
    /// Where the thread is past having thread-locals, the call waits here.
    call: Option<Arc<Call>>,
    decides: bool,
    _this_thread: PhantomData<*const ()>,
}

impl Pushed {
    /// Gives back the call.
    pub(super) fn pop(mut self) -> Option<Arc<Call>> {
        self.take()
    }

    fn take(&mut self) -> Option<Arc<Call>> {
        let Some(id) = self.frame.take() else { return self.call.take() };
        let frame = THREAD.try_with(|thread| thread.remove(|frame| frame.id == id)).ok().flatten();
        frame.and_then(|frame| frame.call)
    }
}

impl Drop for Pushed {
    fn drop(&mut self) {
        let Some(call) = self.take() else { return };
        if self.decides && call.is_unwinding() {
            call.end(Ending::Panicked);
        }
    }
}

/// Names the call of the top frame, which was pushed without one; an error where it was not. On a
/// thread that is past having thread-locals the call ends here: nothing could hold it.
pub(super) fn fill_frame(call: Arc<Call>) -> Result<(), NotWrapped> {
    THREAD.try_with(|thread| thread.fill_frame(call)).unwrap_or(Ok(()))
}

/// No frame waits for its call.
#[derive(Debug)]
pub(super) struct NotWrapped;

/// A destructor of `call` begins; [`pop_for_drop`] ends it.
pub(super) fn push_for_drop(call: Arc<Call>) {
    let mut call = Some(call);
    let _ = THREAD.try_with(|thread| thread.push(call.take(), FrameKind::Dropping));
}

/// Ends what [`push_for_drop`] began last on this thread: destructors nest.
pub(super) fn pop_for_drop() {
    let frame = THREAD.try_with(|thread| thread.remove(|frame| frame.kind == FrameKind::Dropping));
    drop(frame);
}

/// "Unknown" inherits: outside a task there is no id, as in a `block_on` within a call.
fn same_task(then: Option<task::Id>, now: Option<task::Id>) -> bool {
    now.is_none() || then == now
}

struct Thread {
    frames: RefCell<Vec<Frame>>,
    next: Cell<u64>,
    gate: RefCell<Option<Arc<Gate>>>,
    main: Cell<Option<Main>>,
    /// The code that runs is the library's.
    library: Cell<bool>,
}

struct Frame {
    id: u64,
    kind: FrameKind,
    call: Option<Arc<Call>>,
    task: Option<task::Id>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FrameKind {
    Running,
    Dropping,
}

impl Thread {
    const fn new() -> Self {
        Self {
            frames: RefCell::new(Vec::new()),
            next: Cell::new(0),
            gate: RefCell::new(None),
            main: Cell::new(None),
            library: Cell::new(false),
        }
    }

    fn push(&self, call: Option<Arc<Call>>, kind: FrameKind) -> u64 {
        let id = self.next.get();
        self.next.set(id + 1);
        let task = task::try_id();
        self.frames.borrow_mut().push(Frame { id, kind, call, task });
        id
    }

    fn fill_frame(&self, call: Arc<Call>) -> Result<(), NotWrapped> {
        match self.frames.borrow_mut().last_mut() {
            Some(Frame { call: unknown @ None, .. }) => {
                *unknown = Some(call);
                Ok(())
            }
            _ => Err(NotWrapped),
        }
    }

    /// The frame is handed out: its call may end with it, which must not happen under the borrow.
    fn remove(&self, which: impl Fn(&Frame) -> bool) -> Option<Frame> {
        let mut frames = self.frames.borrow_mut();
        let at = frames.iter().rposition(which)?;
        Some(frames.remove(at))
    }
}

/// `main` is being polled.
#[derive(Clone, Copy)]
struct Main {
    task: Option<task::Id>,
}

struct RestoreMain(Option<Main>);

impl Drop for RestoreMain {
    fn drop(&mut self) {
        // An error is the end of the thread's locals, and of what there was to restore.
        let _ = THREAD.try_with(|thread| thread.main.set(self.0));
    }
}

struct RestoreLibrary(bool);

impl Drop for RestoreLibrary {
    fn drop(&mut self) {
        let _ = THREAD.try_with(|thread| thread.library.set(self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::{same_task, task};

    #[tokio::test]
    async fn only_another_known_task_is_another_task() {
        let one: Option<task::Id> = Some(tokio::spawn(async {}).id());
        let two: Option<task::Id> = Some(tokio::spawn(async {}).id());
        assert!(same_task(None, None) && same_task(one, one) && same_task(one, None));
        assert!(!same_task(one, two) && !same_task(None, one));
    }
}
