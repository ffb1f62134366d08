use std::{any::Any, fmt, sync::Arc};

use super::{Need, Resources};
use crate::{ShutdownContext, values::HookId};

/// Binds a hook's parameters to resources, for the code that `#[on_shutdown]` generates. The
/// runtime has checked `HookDecl::needs` before, so `None` is rare, and the binder remembers why.
pub struct Binder<'b> {
    resources: &'b Resources,
    hook: HookId,
    hook_name: &'b str,
    context: Arc<ShutdownContext>,
    problem: Option<String>,
}

impl<'b> Binder<'b> {
    pub(crate) fn new(
        resources: &'b Resources,
        hook: HookId,
        hook_name: &'b str,
        context: Arc<ShutdownContext>,
    ) -> Self {
        Self { resources, hook, hook_name, context, problem: None }
    }

    /// Why a parameter could not be had, after the binding said `None`.
    pub(crate) fn into_problem(self) -> Option<String> {
        self.problem
    }

    /// For `&T`: the resource, or the hook's `ShutdownContext` where `T` is that.
    pub fn borrow<T: Send + Sync + 'static>(&mut self) -> Option<Arc<T>> {
        let found = self.borrow_optional::<T>();
        if found.is_none() {
            self.note(&Need::borrow::<T>());
        }
        found
    }

    /// For `Option<&T>`.
    pub fn borrow_optional<T: Send + Sync + 'static>(&mut self) -> Option<Arc<T>> {
        let context: Arc<dyn Any + Send + Sync> = self.context.clone();
        if let Ok(context) = context.downcast::<T>() {
            return Some(context);
        }
        self.resources.lock().share::<T>(Some((self.hook, self.hook_name)))
    }

    /// For `T`; `cloner` serves where something that cannot be stopped still borrows it.
    pub fn take<T: Send + 'static>(&mut self, cloner: Option<fn(&T) -> T>) -> Option<T> {
        let taken = self.take_optional(cloner);
        if taken.is_none() {
            self.note(&Need::take::<T>());
        }
        taken
    }

    /// For `Option<T>`.
    pub fn take_optional<T: Send + 'static>(&mut self, cloner: Option<fn(&T) -> T>) -> Option<T> {
        let (value, shared, in_use) = self.resources.lock().take::<T>(self.hook, self.hook_name)?;
        if !shared && !in_use {
            return value.downcast::<T>().ok().map(|value| *value);
        }
        // Out of the store nobody can get a new share, so a count of one stays one.
        let alone =
            value.downcast_ref::<Arc<T>>().is_some_and(|share| Arc::strong_count(share) == 1);
        if alone && !in_use {
            return value.downcast::<Arc<T>>().ok().and_then(|share| Arc::try_unwrap(*share).ok());
        }
        let held = value
            .downcast_ref::<Arc<T>>()
            .map(|share| &**share)
            .or_else(|| value.downcast_ref::<T>());
        let clone = cloner.and_then(|clone| held.map(clone));
        let mut store = self.resources.lock();
        if clone.is_none() {
            self.problem = Some(store.still_borrowed::<T>(self.hook));
        }
        store.give_back::<T>(value);
        clone
    }

    fn note(&mut self, need: &Need) {
        if self.problem.is_none() {
            self.problem = self.resources.lock().missing(need).map(|missing| missing.to_string());
        }
    }
}

impl fmt::Debug for Binder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binder").field("hook", &self.hook_name).finish_non_exhaustive()
    }
}
