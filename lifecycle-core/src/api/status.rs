//! What can be asked and asked for from anywhere.

use std::{sync::Arc, time::Duration};

use crate::{
    Events, Reason, SourceLocation, State,
    admission::context::Interest,
    runtime::{Lifecycle, Status},
};

/// Asks for a stop, for this reason; a text is a request, [`Reason::failure`] exits 1. The first reason
/// wins. Returns at once: [`stopped`](crate::stopped) tells when it is done. Asked before `run`, the stop
/// begins when `run` does. Called in a loop it costs next to nothing.
///
/// Not for a signal handler: it allocates and locks. A handler of the application's own asks by
/// `raise(SIGTERM)`, which is async-signal-safe.
pub fn shutdown(reason: impl Into<Reason>) {
    Lifecycle::current().request(reason.into());
}

/// Says that the work of a job is complete, although it has seen that a stop was asked for: its `Ok` is
/// a success then. A job that never looked needs not say so.
pub fn completed() {
    Lifecycle::current().main.complete();
}

/// Where the lifecycle of this process stands. Whoever asks, listens: see [`draining`](crate::draining).
#[track_caller]
#[must_use]
pub fn state() -> State {
    let lifecycle = Lifecycle::current();
    lifecycle.gate.listen(SourceLocation::caller(), Interest::Other);
    let state = lifecycle.state();
    if state > State::Running {
        lifecycle.gate.note_stop_seen();
    }
    state
}

/// What is left until the library's own deadline, `G − M` after the request; `None` while no stop is under
/// way or without a grace period.
#[must_use]
pub fn time_left() -> Option<Duration> {
    Lifecycle::current().time_left()
}

/// What happens from now on.
#[track_caller]
#[must_use]
pub fn events() -> Events {
    Lifecycle::current().gate.listen(SourceLocation::caller(), Interest::Other);
    let lifecycle = Lifecycle::current();
    lifecycle.bus.subscribe(Some(Arc::clone(&lifecycle.gate)))
}

/// Everything that a probe or an operator may ask, at one moment.
#[must_use]
pub fn status() -> Status {
    Lifecycle::current().status()
}
