//! What goes into a plan: hooks, from wherever they come, and what resources use one another.

use std::{any::TypeId, borrow::Cow, time::Duration};

use crate::{
    ShutdownContext, SourceLocation,
    declare::{
        HookId,
        hook::{HookDecl, Need},
    },
};

/// A hook as it was written down or registered, before anything is derived from it.
#[derive(Clone, Debug)]
pub(crate) struct HookSpec {
    pub(crate) id: HookId,
    pub(crate) name: Cow<'static, str>,
    /// Whether a person chose the name, so that two equal ones are a mistake and no accident.
    pub(crate) name_written: bool,
    pub(crate) location: SourceLocation,
    pub(crate) order: Option<i32>,
    pub(crate) timeout: Option<Duration>,
    /// The second step of `on_timeout`, which the worst case counts.
    pub(crate) fallback_timeout: Duration,
    pub(crate) after: Vec<HookId>,
    pub(crate) before: Vec<HookId>,
    pub(crate) needs: Vec<Need>,
}

impl HookSpec {
    /// What the hook needs of the resource store: its context is no resource.
    pub(super) fn resources(&self) -> impl Iterator<Item = &Need> {
        self.needs.iter().filter(|need| need.id != TypeId::of::<ShutdownContext>())
    }
}

impl From<&'static HookDecl> for HookSpec {
    fn from(decl: &'static HookDecl) -> Self {
        let ids = |hooks: &[crate::declare::hook::HookRef]| {
            hooks.iter().map(|hook| HookId::Declared(hook().marker)).collect()
        };
        Self {
            id: HookId::Declared(decl.marker),
            name: Cow::Borrowed(decl.name),
            name_written: decl.name_written,
            location: decl.location,
            order: decl.order,
            timeout: decl.timeout,
            fallback_timeout: Duration::ZERO,
            after: ids(decl.after),
            before: ids(decl.before),
            needs: decl.needs.to_vec(),
        }
    }
}
