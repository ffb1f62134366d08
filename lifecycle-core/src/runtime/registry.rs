//! The hooks of a lifecycle: those that were registered at run time, and those that the program was linked
//! with.
//!
//! Invariants:
//! 1. A hook that was accepted is in the final plan, or joined it: the plan is sealed under the lock under which
//!    hooks are added, and what comes after that asks the driver.
//! 2. A hook that contradicts the plan is never in it: the plan is checked before, and the hook is added only if
//!    nothing else has changed meanwhile.
//! 3. A hook without edges contradicts nothing. Where the plan is known to hold, it is added as it is: a thousand
//!    of them cost a thousand times as much as one.

use std::{
    collections::{BTreeMap, HashMap},
    pin::Pin,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::{
    declare::hook::{HookDecl, HookEnd, HookEntry},
    plan::HookSpec,
    values::HookId,
};

pub(crate) type HookFuture = Pin<Box<dyn Future<Output = HookEnd> + Send>>;
pub(crate) type Start = Box<dyn FnOnce() -> HookFuture + Send>;

/// What runs when a hook starts.
pub(crate) enum Action {
    Declared(&'static HookDecl),
    Registered(Start),
}

/// The hooks that were registered at run time.
#[derive(Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    hooks: BTreeMap<HookId, Box<Registered>>,
    /// How often the plan has changed.
    version: u64,
    /// Whether the plan of this version holds.
    holds: bool,
    sealed: bool,
}

pub(crate) struct Registered {
    pub(super) spec: HookSpec,
    pub(super) action: Option<Start>,
    pub(super) second_step: Option<Start>,
}

/// Why a hook was not added.
pub(super) enum NotAdded {
    /// The plan has to be checked with it: that of this version.
    Unchecked(u64, Box<Registered>),
    Sealed(Box<Registered>),
}

impl Registry {
    /// What the hook does; a registered one does it once.
    pub(crate) fn action(&self, id: HookId) -> Option<Action> {
        match id {
            HookId::Declared(_) => declared().get(&id).copied().map(Action::Declared),
            HookId::Read(_) => None,
            HookId::Registered(_) => {
                let mut inner = self.lock();
                let action = inner.hooks.get_mut(&id)?.action.take();
                action.map(Action::Registered)
            }
        }
    }

    pub(crate) fn second_step(&self, id: HookId) -> Option<Start> {
        self.lock().hooks.get_mut(&id)?.second_step.take()
    }

    pub(crate) fn specs(&self) -> Vec<HookSpec> {
        self.lock().hooks.values().map(|hook| hook.spec.clone()).collect()
    }

    /// How often the plan has changed: it is another one when this is another number.
    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Something else that the plan is made of has changed. Returns the new version.
    pub(crate) fn plan_changed(&self) -> u64 {
        let mut inner = self.lock();
        inner.version += 1;
        inner.holds = false;
        inner.version
    }

    /// Nothing is added from here on but by the driver.
    pub(super) fn seal(&self) {
        self.lock().sealed = true;
    }

    /// The closures leave the lock before they are dropped.
    pub(crate) fn remove(&self, id: HookId) -> bool {
        let mut inner = self.lock();
        if inner.hooks.get(&id).is_none_or(|hook| hook.action.is_none()) {
            return false;
        }
        let hook = inner.hooks.remove(&id);
        inner.version += 1;
        inner.holds = false;
        drop(inner);
        drop(hook);
        true
    }

    pub(super) fn new_id(&self) -> HookId {
        let mut inner = self.lock();
        inner.next += 1;
        HookId::Registered(inner.next)
    }

    /// `checked`: the version of the plan that holds with this hook.
    pub(super) fn add(&self, hook: Box<Registered>, checked: Option<u64>) -> Result<(), NotAdded> {
        let mut inner = self.lock();
        if inner.sealed {
            return Err(NotAdded::Sealed(hook));
        }
        let has_edges = !hook.spec.after.is_empty() || !hook.spec.before.is_empty();
        let is_checked = checked == Some(inner.version) || inner.holds && !has_edges;
        if !is_checked {
            return Err(NotAdded::Unchecked(inner.version, hook));
        }
        inner.hooks.insert(hook.spec.id, hook);
        inner.version += 1;
        inner.holds = true;
        Ok(())
    }

    /// Adds a hook although the plan is sealed.
    pub(super) fn add_late(&self, hook: Box<Registered>) {
        let mut inner = self.lock();
        inner.hooks.insert(hook.spec.id, hook);
        inner.version += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hooks that the program was linked with.
fn declared() -> &'static HashMap<HookId, &'static HookDecl> {
    static DECLARED: OnceLock<HashMap<HookId, &'static HookDecl>> = OnceLock::new();
    DECLARED.get_or_init(|| {
        let decls = inventory::iter::<HookEntry>.into_iter().map(|entry| (entry.0)());
        decls.map(|decl| (HookId::Declared(decl.marker), decl)).collect()
    })
}
