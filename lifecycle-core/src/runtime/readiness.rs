//! Whether traffic may come: `ready`, `hold_ready`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{lifecycle::Lifecycle, machine::Input};
use crate::{SourceLocation, State};

/// Says that main is ready: the service is `Running` from here unless readiness is held. Without it the
/// first `draining()`, `until_draining` or `pull` says so.
pub fn ready() {
    let lifecycle = Lifecycle::current();
    lifecycle.readiness.ask();
    lifecycle.check_ready();
}

/// Keeps the service from being ready until the hold is dropped: `hold_ready("migrations")`. Held after the
/// service became `Running`, it takes readiness away and leaves the state.
#[track_caller]
pub fn hold_ready(name: impl Into<String>) -> ReadyHold {
    let lifecycle = Lifecycle::current();
    ReadyHold { id: lifecycle.readiness.hold(name.into(), SourceLocation::caller()) }
}

/// Readiness is held while this lives.
#[derive(Debug)]
#[must_use = "readiness is held only while this lives"]
pub struct ReadyHold {
    id: u64,
}

impl ReadyHold {
    /// Lets go; dropping it does the same.
    pub fn release(self) {}
}

impl Drop for ReadyHold {
    fn drop(&mut self) {
        let lifecycle = Lifecycle::current();
        lifecycle.readiness.release(self.id);
        lifecycle.check_ready();
    }
}

#[derive(Debug, Default)]
pub(super) struct Readiness {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    asked: bool,
    next: u64,
    holds: Vec<(u64, String, SourceLocation)>,
}

impl Readiness {
    /// Main is ready, as far as main is concerned.
    pub(super) fn ask(&self) {
        self.lock().asked = true;
    }

    /// Who holds readiness, for people.
    pub(super) fn holds(&self) -> Vec<String> {
        self.lock().holds.iter().map(|(_, name, location)| format!("\"{name}\" ({location})")).collect()
    }

    fn hold(&self, name: String, location: SourceLocation) -> u64 {
        let mut inner = self.lock();
        inner.next += 1;
        let id = inner.next;
        inner.holds.push((id, name, location));
        id
    }

    fn release(&self, id: u64) {
        self.lock().holds.retain(|(held, _, _)| *held != id);
    }

    fn is_given(&self) -> bool {
        let inner = self.lock();
        inner.asked && inner.holds.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lifecycle {
    /// Becomes `Running` if everything is there for it.
    pub(super) fn check_ready(&self) {
        if self.is_running() && self.state() == State::Starting && self.readiness.is_given() {
            self.post(Input::Ready);
        }
    }

    /// Whether traffic may come.
    pub(super) fn is_ready(&self) -> bool {
        self.state() == State::Running && self.readiness.is_given()
    }
}
