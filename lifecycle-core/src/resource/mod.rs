//! Typed resources: what `provide` stores and hooks find by type.
//!
//! Invariants:
//! 1. No code of the application runs under the store's lock: values leave it before they are
//!    dropped or cloned.
//! 2. A value that a hook takes leaves the store as itself: borrowers share it through an `Arc`
//!    that is unwrapped when the last of them has ended.

mod binder;
mod need;
mod store;
#[cfg(test)]
mod tests;

use std::{
    any::{Any, TypeId},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{ShutdownContext, SourceLocation, values::HookId};

pub(crate) use self::need::Uses;
use self::store::Store;
pub use self::{
    binder::Binder,
    need::{Access, Need},
};

/// The resources of one lifecycle.
#[derive(Default)]
pub(crate) struct Resources {
    store: Mutex<Store>,
}

/// Why `provide` turned a value away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    Twice { first: SourceLocation },
    TooLate,
}

impl Resources {
    /// Stores `value`; when `strict`, a second value of the type is turned away.
    pub(crate) fn provide<T: Send + 'static>(
        &self,
        value: T,
        location: SourceLocation,
        strict: bool,
    ) -> Result<(), (Turned, T)> {
        let mut store = self.lock();
        if store.closed {
            return Err((Turned::TooLate, value));
        }
        if strict && let Some(slot) = store.slots.get(&TypeId::of::<T>()) {
            return Err((Turned::Twice { first: slot.location }, value));
        }
        let old = store.put(value, location);
        drop(store);
        drop(old);
        Ok(())
    }

    /// Puts `value` in the place of what is there.
    pub(crate) fn replace<T: Send + 'static>(
        &self,
        value: T,
        location: SourceLocation,
    ) -> Option<Arc<T>> {
        let old = self.lock().put(value, location)?;
        let shared = old.shared;
        old.value.and_then(|old| {
            if shared {
                old.downcast::<Arc<T>>().ok().map(|arc| *arc)
            } else {
                old.downcast::<T>().ok().map(Arc::from)
            }
        })
    }

    /// A share of the resource, for code outside the hooks.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.lock().share::<T>(None)
    }

    pub(crate) fn uses(&self) -> Vec<Uses> {
        self.lock().uses.clone()
    }

    pub(crate) fn add_uses(&self, uses: Uses) {
        self.lock().uses.push(uses);
    }

    /// What `needs` asks for and is not there.
    pub(crate) fn missing(&self, needs: &[Need]) -> Vec<Missing> {
        let store = self.lock();
        needs
            .iter()
            .filter(|need| !need.optional && need.id != TypeId::of::<ShutdownContext>())
            .filter_map(|need| store.missing(need))
            .collect()
    }

    /// Whether `hook` may not get all of it, although nothing is missing.
    pub(crate) fn may_refuse(&self, hook: HookId, needs: &[Need]) -> bool {
        let store = self.lock();
        needs.iter().any(|need| store.may_refuse(hook, need))
    }

    /// `hook` begins: from here until `ended` it may borrow.
    pub(crate) fn began(&self, hook: HookId) {
        self.lock().active.insert(hook);
    }

    /// `hook`, which has begun, counts as borrowing what it `uses` until it has ended.
    pub(crate) fn count(&self, hook: HookId, name: &str, uses: &[Need]) {
        let counted = uses.iter().map(|need| (hook, name.to_owned(), *need));
        self.lock().counted.extend(counted);
    }

    pub(crate) fn ended(&self, hook: HookId) {
        self.lock().active.remove(&hook);
    }

    /// No `provide` is accepted from here.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// What nobody took, last provided first. The caller drops it.
    pub(crate) fn unclaimed(&self) -> Vec<Unclaimed> {
        let mut store = self.lock();
        let mut left: Vec<_> = store
            .slots
            .values_mut()
            .filter_map(|slot| {
                let value = slot.value.take()?;
                slot.taken_by = Some("the end of the teardown".to_owned());
                Some(Unclaimed {
                    type_name: slot.type_name,
                    location: slot.location,
                    turn: slot.turn,
                    value,
                })
            })
            .collect();
        left.sort_by_key(|unclaimed| std::cmp::Reverse(unclaimed.turn));
        left
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A resource that no hook took.
pub(crate) struct Unclaimed {
    pub(crate) type_name: &'static str,
    pub(crate) location: SourceLocation,
    turn: u64,
    value: Box<dyn Any + Send>,
}

impl Unclaimed {
    /// Runs the value's destructor.
    pub(crate) fn drop_value(self) {
        drop(self.value);
    }
}

/// A resource that a hook wants and cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) type_name: &'static str,
    pub(crate) why: String,
    /// Whether it was there once.
    pub(crate) was_provided: bool,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.type_name, self.why)
    }
}
