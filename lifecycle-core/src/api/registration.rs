//! Hooks that are registered at run time.

use std::{borrow::Cow, time::Duration};

use crate::{
    Hook, HookResult, PlanError, SourceLocation,
    declare::HookId,
    plan::HookSpec,
    runtime::{Lifecycle, Start},
    text,
};

/// A hook for something that exists only at run time: a connection, a file, a child process. It joins the
/// plan beside the declared ones when it is registered. One that names no other hook costs little to register; one
/// with `after` or `before` has the whole plan checked.
///
/// ```
/// # fn main() -> Result<(), lifecycle_core::PlanError> {
/// let handle = lifecycle_core::hook("conn")
///     .timeout(std::time::Duration::from_secs(1))
///     .register(|| async { println!("closed") })?;
/// assert!(handle.unregister());
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn hook(name: impl Into<Cow<'static, str>>) -> HookBuilder {
    HookBuilder {
        spec: HookSpec {
            // Connections may all be called "conn": equal names are numbered.
            name_written: false,
            ..HookSpec::new(
                HookId::Registered(0),
                text::name(&name.into()).into(),
                SourceLocation::caller(),
            )
        },
        second_step: None,
    }
}

/// A hook that is not registered yet. Made by [`hook`].
#[must_use = "a hook joins the plan when it is registered"]
pub struct HookBuilder {
    spec: HookSpec,
    second_step: Option<Start>,
}

impl HookBuilder {
    /// Hooks of a smaller order end before this one starts. Default: 0, moved as little as the edges
    /// require.
    pub fn order(mut self, order: i32) -> Self {
        self.spec.order = Some(order);
        self
    }

    /// When it is cancelled, from its start. Default: that of the configuration, 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.spec.timeout = Some(timeout);
        self
    }

    /// Starts after `H` ended.
    pub fn after<H: Hook>(mut self) -> Self {
        self.spec.after.push(HookId::of::<H>());
        self
    }

    /// Ends before `H` starts.
    pub fn before<H: Hook>(mut self) -> Self {
        self.spec.before.push(HookId::of::<H>());
        self
    }

    /// Starts after the hook of `handle` ended.
    pub fn after_handle(mut self, handle: &HookHandle) -> Self {
        self.spec.after.push(handle.id);
        self
    }

    /// Ends before the hook of `handle` starts.
    pub fn before_handle(mut self, handle: &HookHandle) -> Self {
        self.spec.before.push(handle.id);
        self
    }

    /// What is done, within `reserve`, when the hook was cancelled at its timeout. The worst case counts
    /// `reserve`; the outcome stays `TimedOut`.
    pub fn on_timeout<F, Fut>(mut self, action: F, reserve: Duration) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        self.spec.fallback_timeout = reserve;
        self.second_step = Some(boxed(action));
        self
    }

    /// Registers it: from here until [`HookHandle::unregister`] it is part of the plan. Dropping the
    /// handle changes nothing.
    ///
    /// # Errors
    ///
    /// When it contradicts the plan, and when it comes too late: once hooks run, a hook is accepted only
    /// where nothing that has to come after it has started. The hook is dropped then, and nothing else
    /// changes.
    pub fn register<F, Fut>(self, action: F) -> Result<HookHandle, PlanError>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        Lifecycle::current()
            .register(self.spec, boxed(action), self.second_step)
            .map(|id| HookHandle { id })
    }
}

/// A hook that was registered at run time.
#[derive(Clone, Debug)]
pub struct HookHandle {
    id: HookId,
}

impl HookHandle {
    /// Takes the hook out of the plan. Whether it was still there and had not started; afterwards it will
    /// not start.
    #[expect(clippy::must_use_candidate, reason = "most callers only want it gone")]
    pub fn unregister(&self) -> bool {
        Lifecycle::current().registry.remove(self.id)
    }
}

fn boxed<F, Fut>(action: F) -> Start
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output: HookResult> + Send + 'static,
{
    Box::new(move || {
        let future = action();
        Box::pin(async move { future.await.into_end() })
    })
}
