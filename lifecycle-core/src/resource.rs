//! Typed resources: what `provide` stores and hooks find by type. (The store follows.)

use std::sync::Arc;

/// Binds a hook's parameters to resources, for the code that `#[on_shutdown]` generates. The runtime
/// has checked `HookDecl::needs` before, so `None` is rare and the binder remembers why.
#[derive(Debug)]
pub struct Binder<'b> {
    _store: std::marker::PhantomData<&'b ()>,
}

impl Binder<'_> {
    /// For `&T`: the resource, or the hook's `ShutdownContext` where `T` is that.
    pub fn borrow<T: Send + Sync + 'static>(&mut self) -> Option<Arc<T>> {
        None
    }

    /// For `Option<&T>`.
    pub fn borrow_optional<T: Send + Sync + 'static>(&mut self) -> Option<Arc<T>> {
        None
    }

    /// For `T`; `cloner` serves where something that cannot be stopped still borrows it.
    pub fn take<T: Send + 'static>(&mut self, _cloner: Option<fn(&T) -> T>) -> Option<T> {
        None
    }

    /// For `Option<T>`.
    pub fn take_optional<T: Send + 'static>(&mut self, _cloner: Option<fn(&T) -> T>) -> Option<T> {
        None
    }
}

/// What a hook may ask for by `&ShutdownContext`.
#[derive(Debug)]
pub struct ShutdownContext(());
