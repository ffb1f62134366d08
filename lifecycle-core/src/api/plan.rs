//! The plan that the program is linked with.

use crate::runtime::Lifecycle;
use crate::{
    Plan, PlanError,
    declare::{
        DrainNeed,
        hook::{ExpectedHook, HookEntry},
    },
    plan::HookSpec,
};

impl Plan {
    /// The plan of every hook that the program is linked with and of those that are registered by now,
    /// with what resources that were provided by now use.
    ///
    /// # Errors
    ///
    /// Every contradiction in it, at once. [`Plan::declared`] gives the plan all the same, so that an
    /// application can repair what its libraries declared.
    pub fn collect() -> Result<Self, PlanError> {
        let plan = Self::declared();
        plan.check()?;
        Ok(plan)
    }

    /// The same, not checked: for corrections. Whoever runs it checks it.
    #[must_use]
    pub fn declared() -> Self {
        let lifecycle = Lifecycle::current();
        Self::linked().with_hooks(lifecycle.registry.specs()).with_uses(lifecycle.resources.uses())
    }

    /// The hooks that the program is linked with.
    pub(crate) fn linked() -> Self {
        let specs =
            inventory::iter::<HookEntry>.into_iter().map(|entry| HookSpec::from((entry.0)()));
        let expected = inventory::iter::<ExpectedHook>
            .into_iter()
            .map(|expected| ExpectedHook { hook: expected.hook, location: expected.location });
        Self::build(specs.collect(), Vec::new(), expected.collect())
            .with_drain_needs(inventory::iter::<DrainNeed>.into_iter().cloned())
    }
}
