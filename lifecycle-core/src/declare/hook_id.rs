use std::{
    any::{TypeId, type_name},
    sync::Arc,
};

use super::Hook;
use crate::SourceLocation;

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
