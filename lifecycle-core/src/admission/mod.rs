//! The gate: who is let in, what is in flight, and what inherits its admission.
//!
//! [`Gate`] decides and counts; [`context`] knows which call the running code belongs to. Everything
//! else wraps user code so that the two stay in step. Nothing here knows a signal, a hook or a plan.
//!
//! # How a call is counted
//!
//! While the gate is open nobody needs a number, so nobody keeps one. A thread **notes** what it is
//! inside of on a stack of frames ([`lane`]), which it alone writes, by plain stores. That stack is
//! needed anyway, as it says what inherits. A call that is suspended for the first time, or of which
//! somebody wants a handle (a guard, an admission, a task, a stream), is **moved** to a slot, which
//! goes from thread to thread with it: there it has its time, its task and its span. Who wants to
//! know what is in flight looks at the frames and slots of all threads.
//!
//! When draining begins, the gate **takes over**, under its lock:
//!
//! 1. It sets `CLOSED` on every lane that is its own.
//! 2. It has every thread of the process pass a fence ([`Barrier`](crate::os::barrier::Barrier)).
//! 3. It enters all that it finds noted into its [`counters`], and writes into each frame and slot
//!    where it is there.
//!
//! From then on each begin and each end takes the lock, and the counters are exact.
//!
//! **Why the two halves meet.** A thread that begins, ends or moves a call does: store what it
//! notes; look at `mode` ([`Lane::settle`](lane::Lane::settle)). The gate does: store `mode`; make
//! all threads pass a fence; look at what they have noted. For each thread, its look came either
//! after that fence, and then it sees `CLOSED`; or before, and then so did its store, and the gate
//! sees that. So:
//! - A thread that does not see `CLOSED` has done what it did before the gate looked: what it let in
//!   is counted, what it ended is not, what it moved is found in its slot.
//! - A thread that sees `CLOSED` waits for the lock, and finds in the frame or slot whether the gate
//!   has counted it. A call that begins is let in if so, and else taken back and asked for again. A
//!   call that ends is taken out of the counters if it is there; the last one wakes the drain. Both
//!   are under the lock, so no wake-up is lost. A call that was moved takes its entry along.
//!
//! On Linux the fence is `membarrier`, on Windows `FlushProcessWriteBuffers`: the threads have none
//! of their own. Where the system does not grant that, it is a fence in `settle`, which costs what a
//! locked instruction does. Which it is is chosen once. Where the system grants it at first and
//! refuses it at the closing (a sandbox that is entered late), the gate waits for longer than any
//! processor keeps a store to itself.
//!
//! The same two halves tell who sleeps because nothing is in flight of the first call: `ARMED`.
//!
//! A scenario's gate is never looked at by this: it is closed to notes from the begin, counts each
//! call as it comes, on its own clock, and costs the product nothing but a comparison of two numbers
//! where a lane is set up.
//!
//! **Invariants**
//! 1. A call is in flight from the moment it is admitted until its frame is left, or the last handle
//!    of its slot is dropped, never longer; while it is, it is noted, or counted, exactly once.
//! 2. After `Gate::close` no fresh call is let in, `admit = always` apart: a call is either seen by
//!    the drain or refused.
//! 3. No code of an application, and no observer, runs under the gate's lock.
//! 4. What a thread's context gained during a poll or a closure it has lost when that ends, also by
//!    a panic.
//! 5. A frame is written by its thread alone, `seen` and `entry` apart; a slot by who begins the
//!    call, by who holds the last handle, and under the gate's lock.
//! 6. Each call has one ending: `Open` knows of none, as nobody asks; from the request on a panic is
//!    counted where it happens; from the closing on each call is in the counters, which give it one.
//!
//! `tests/models` runs every order of the threads for closing against entering, leaving, moving and
//! handing a lane on; `stress` has real threads, with each of the barriers; the tests of this module
//! run with both kinds of gates.

#![cfg_attr(
    test,
    expect(clippy::duplicate_mod, reason = "the same tests run with both kinds of gates")
)]

#[cfg(test)]
mod alike;
mod call;
mod cancellable;
pub(crate) mod context;
mod counters;
mod details;
mod ending;
mod gate;
mod guard;
mod held;
mod inherit;
mod lane;
mod pool;
mod pull;
mod refused;
mod samples;
#[cfg(test)]
mod stress;
mod task;
#[cfg(test)]
mod tests;
#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests_by_thread;
mod thread;
mod tracked;
mod wait;

#[cfg(feature = "testing")]
pub(crate) use self::context::UseGate;
pub(crate) use self::ending::drop_as_lost;
pub(crate) use self::gate::{Gate, GateObserver};
pub use self::{
    cancellable::Cancellable,
    context::{Entered, enter},
    guard::Guard,
    held::{Held, HeldFuture, HeldStream, hold},
    inherit::{Admission, Inherited, Scoped, inherit, inherit_fn, spawn, spawn_blocking},
    pull::Pull,
    refused::{Answer, FromRefused, PlainAnswer, Refused, answer_by, never_refused},
    tracked::{Tracked, admitted},
};
