//! Who holds readiness, and whether main said that it is ready.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{SourceLocation, text};

#[derive(Debug, Default)]
pub(crate) struct Readiness {
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
    pub(crate) fn ask(&self) {
        self.lock().asked = true;
    }

    /// Whether it is given, and who holds it, for people.
    pub(crate) fn look(&self) -> (bool, Vec<String>) {
        let inner = self.lock();
        let name = |(_, name, location): &(u64, String, SourceLocation)| {
            format!("\"{name}\" ({location})")
        };
        (inner.asked && inner.holds.is_empty(), inner.holds.iter().map(name).collect())
    }

    /// Who holds readiness, for people.
    pub(crate) fn holds(&self) -> Vec<String> {
        self.look().1
    }

    pub(crate) fn hold(&self, name: &str, location: SourceLocation) -> u64 {
        let name = text::name(name);
        let mut inner = self.lock();
        inner.next += 1;
        let id = inner.next;
        inner.holds.push((id, name, location));
        id
    }

    pub(crate) fn release(&self, id: u64) {
        self.lock().holds.retain(|(held, _, _)| *held != id);
    }

    pub(crate) fn is_given(&self) -> bool {
        let inner = self.lock();
        inner.asked && inner.holds.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
