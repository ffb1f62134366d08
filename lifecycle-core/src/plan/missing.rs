//! Hooks that were promised and are not there.

use crate::{SourceLocation, declare::hook::ExpectedHook};

use super::{
    HookId,
    error::{Kind, PlanProblem},
};

/// What `expect_hooks!` promised.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) id: HookId,
    name: &'static str,
    location: SourceLocation,
    promised: SourceLocation,
}

impl Promise {
    pub(super) fn problem(&self) -> PlanProblem {
        let Self { name, location, promised, .. } = self;
        let text = format!(
            "`expect_hooks!` at {promised} promises `{name}` ({location}), which is not among the linked hooks\n   \
             name its crate where the program starts: `use the_crate as _;`"
        );
        PlanProblem::new(Kind::Missing, text, vec![(*name).to_owned()])
    }
}

impl From<ExpectedHook> for Promise {
    fn from(expected: ExpectedHook) -> Self {
        let hook = (expected.hook)();
        Self {
            id: HookId::Declared(hook.marker),
            name: hook.name,
            location: hook.location,
            promised: expected.location,
        }
    }
}
