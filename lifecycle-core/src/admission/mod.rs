//! The gate: who is let in, what is in flight, and what inherits its admission.
//!
//! [`Gate`] decides and counts; a [`Call`](gate::Call) is one admitted call and ends when its last
//! holder lets go; [`context`] knows which call the running code belongs to. Everything else wraps
//! user code so that the three stay in step. Nothing here knows a signal, a hook or a plan.
//!
//! **Invariants**
//! 1. A call is counted from the moment it is admitted until its `Call` is dropped, never longer.
//! 2. After `Gate::close` no fresh call is counted, `admit = always` apart: both are decided under
//!    the one lock, so a call is either seen by the drain or refused.
//! 3. No code of an application, and no observer, runs under that lock.
//! 4. What a thread's context gained during a poll or a closure it has lost when that ends, also by
//!    a panic.

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
    tracked::{Tracked, admit_on_first_poll},
};
