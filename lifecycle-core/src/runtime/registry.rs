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
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
};

use super::{Lifecycle, driver::Driver, inbox::Post};
use crate::{
    PlanError, State,
    declare::hook::{HookDecl, HookEnd, HookEntry},
    machine::{Effect, Input, Moment},
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
    spec: HookSpec,
    action: Option<Start>,
    second_step: Option<Start>,
}

/// Why a hook was not added.
enum NotAdded {
    /// The plan has to be checked with it: that of this version.
    Unchecked(u64, Box<Registered>),
    Sealed(Box<Registered>),
}

impl Registry {
    /// What the hook does; a registered one does it once.
    pub(crate) fn action(&self, id: HookId) -> Option<Action> {
        match id {
            HookId::Declared(_) => declared().get(&id).copied().map(Action::Declared),
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

    fn new_id(&self) -> HookId {
        let mut inner = self.lock();
        inner.next += 1;
        HookId::Registered(inner.next)
    }

    /// `checked`: the version of the plan that holds with this hook.
    fn add(&self, hook: Box<Registered>, checked: Option<u64>) -> Result<(), NotAdded> {
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
    fn add_late(&self, hook: Box<Registered>) {
        let mut inner = self.lock();
        inner.hooks.insert(hook.spec.id, hook);
        inner.version += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lifecycle {
    pub(crate) fn register(
        &self,
        mut spec: HookSpec,
        action: Start,
        second_step: Option<Start>,
    ) -> Result<HookId, PlanError> {
        let id = self.registry.new_id();
        spec.id = id;
        let mut hook = Box::new(Registered { spec, action: Some(action), second_step });
        let mut checked = None;
        loop {
            match self.registry.add(hook, checked) {
                Ok(()) => return Ok(id),
                Err(NotAdded::Unchecked(version, back)) => {
                    self.plan().with_hooks(vec![back.spec.clone()]).check()?;
                    (hook, checked) = (back, Some(version));
                }
                Err(NotAdded::Sealed(back)) => return self.register_late(id, back),
            }
        }
    }

    /// The driver decides. It runs no code of the application, so the wait is short.
    fn register_late(&self, id: HookId, hook: Box<Registered>) -> Result<HookId, PlanError> {
        let over =
            PlanError::too_late(&hook.spec.name, hook.spec.location, "the lifecycle has stopped");
        if self.state() == State::Stopped || self.host.is_driving() {
            return Err(over);
        }
        let (verdict, decided) = mpsc::channel();
        self.send(Post::Register { id, hook, verdict });
        self.host.let_drive();
        decided.recv().unwrap_or(Err(over)).map(|()| id)
    }
}

impl Driver {
    pub(super) fn register(
        &mut self,
        at: Moment,
        id: HookId,
        hook: Box<Registered>,
    ) -> Result<(), PlanError> {
        let (name, location) = (hook.spec.name.clone(), hook.spec.location);
        let too_late = |why| PlanError::too_late(&name, location, why);
        if self.state() == State::Stopped {
            return Err(too_late("the lifecycle has stopped"));
        }
        let registry = &self.lifecycle.registry;
        registry.add_late(hook);
        let plan = self.lifecycle.plan();
        if let Err(error) = plan.check() {
            registry.remove(id);
            return Err(error);
        }
        let effects = self.machine.handle(at, self.facts(), Input::Extend(Box::new(plan)));
        let verdict = effects.iter().find_map(|effect| match effect {
            Effect::Extended(verdict) => Some(*verdict),
            _ => None,
        });
        if let Some(Err(why)) = verdict {
            registry.remove(id);
            self.carry_out_all(at, effects);
            return Err(too_late(why));
        }
        self.carry_out_all(at, effects);
        Ok(())
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
