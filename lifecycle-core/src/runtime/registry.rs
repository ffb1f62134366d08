//! The hooks of a lifecycle: those that were registered at run time, and those that the program was linked
//! with.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use super::Lifecycle;
use crate::{
    PlanError, State,
    declare::{
        HookId,
        hook::{HookDecl, HookEnd, HookEntry},
    },
    plan::HookSpec,
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
    hooks: Vec<Registered>,
}

struct Registered {
    spec: HookSpec,
    action: Option<Start>,
    second_step: Option<Start>,
}

impl Registry {
    /// What the hook does; a registered one does it once.
    pub(crate) fn action(&self, id: HookId) -> Option<Action> {
        match id {
            HookId::Declared(_) => declared().get(&id).copied().map(Action::Declared),
            HookId::Registered(_) => {
                self.take(id, |hook| hook.action.take()).map(Action::Registered)
            }
        }
    }

    pub(crate) fn second_step(&self, id: HookId) -> Option<Start> {
        self.take(id, |hook| hook.second_step.take())
    }

    pub(crate) fn specs(&self) -> Vec<HookSpec> {
        self.lock().hooks.iter().map(|hook| hook.spec.clone()).collect()
    }

    fn take(
        &self,
        id: HookId,
        take: impl FnOnce(&mut Registered) -> Option<Start>,
    ) -> Option<Start> {
        self.lock().hooks.iter_mut().find(|hook| hook.spec.id == id).and_then(take)
    }

    fn add(&self, mut spec: HookSpec, action: Start, second_step: Option<Start>) -> HookId {
        let mut inner = self.lock();
        inner.next += 1;
        spec.id = HookId::Registered(inner.next);
        let id = spec.id;
        inner.hooks.push(Registered { spec, action: Some(action), second_step });
        id
    }

    /// The closures leave the lock before they are dropped.
    pub(crate) fn remove(&self, id: HookId) -> bool {
        let mut inner = self.lock();
        let waiting = |hook: &Registered| hook.spec.id == id && hook.action.is_some();
        let Some(at) = inner.hooks.iter().position(waiting) else { return false };
        let hook = inner.hooks.remove(at);
        drop(inner);
        drop(hook);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lifecycle {
    pub(crate) fn register(
        &self,
        spec: HookSpec,
        action: Start,
        second_step: Option<Start>,
    ) -> Result<HookId, PlanError> {
        let (name, location) = (spec.name.clone(), spec.location);
        let too_late = |why| PlanError::too_late(&name, location, why);
        let id = self.registry.add(spec, action, second_step);
        let plan = self.plan();
        // Registering holds the machine so that the state cannot change half-way.
        let mut machine = self.machine();
        let accepted = match machine.state() {
            State::Stopped => Err(too_late("the lifecycle has stopped")),
            State::Stopping => plan.check().and_then(|()| {
                let effects = machine.extend(plan, self.now()).map_err(too_late)?;
                self.post_effects(effects);
                Ok(())
            }),
            _ => plan.check().map(|()| machine.set_worst_case(plan.worst_case())),
        };
        drop(machine);
        match accepted {
            Ok(()) => Ok(id),
            Err(error) => {
                self.registry.remove(id);
                Err(error)
            }
        }
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
