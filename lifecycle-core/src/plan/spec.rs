//! What goes into a plan: hooks, from wherever they come, and what resources use one another.

use std::{
    any::{TypeId, type_name},
    borrow::Cow,
    sync::Arc,
    time::Duration,
};

use crate::{
    Hook, ShutdownContext, SourceLocation,
    hook::{HookDecl, Need},
};

/// Who a hook is. Names are for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HookId {
    /// Declared by `#[on_shutdown]`: its marker type.
    Declared(TypeId),
    /// Registered at run time, counted by whoever registers.
    Registered(u64),
}

impl HookId {
    /// The hook whose marker is `H`.
    pub(crate) fn of<H: Hook>() -> Self {
        Self::Declared(H::declared().marker)
    }
}

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
    pub(crate) reserve: Duration,
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
        let ids = |hooks: &[crate::hook::HookRef]| {
            hooks.iter().map(|hook| HookId::Declared(hook().marker)).collect()
        };
        Self {
            id: HookId::Declared(decl.marker),
            name: Cow::Borrowed(decl.name),
            name_written: decl.name_written,
            location: decl.location,
            order: decl.order,
            timeout: decl.timeout,
            reserve: Duration::ZERO,
            after: ids(decl.after),
            before: ids(decl.before),
            needs: decl.needs.to_vec(),
        }
    }
}

/// `provide(v).uses::<U>()`: who borrows or takes `of` counts as borrowing `used`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uses {
    pub(crate) of: TypeId,
    pub(crate) of_name: &'static str,
    pub(crate) used: TypeId,
    /// `Arc<used>`, which serves `&used` too.
    pub(crate) used_arc: TypeId,
    pub(crate) used_name: &'static str,
    pub(crate) location: SourceLocation,
}

impl Uses {
    /// A provided `T` uses `U`, as said at `location`.
    pub(crate) fn new<T: 'static, U: 'static>(location: SourceLocation) -> Self {
        Self {
            of: TypeId::of::<T>(),
            of_name: type_name::<T>(),
            used: TypeId::of::<U>(),
            used_arc: TypeId::of::<Arc<U>>(),
            used_name: type_name::<U>(),
            location,
        }
    }
}
