//! What a hook asks for, and what a resource uses: types, by which the store finds values.

use std::{
    any::{TypeId, type_name},
    fmt,
    sync::Arc,
};

use crate::SourceLocation;

/// A resource that a hook asks for.
#[derive(Clone, Copy)]
pub struct Need {
    /// Borrowed (`&T`) or taken (`T`).
    pub access: Access,
    /// Whether the parameter is an `Option`.
    pub optional: bool,
    /// The type `T`.
    pub id: TypeId,
    /// The type `Arc<T>`, which serves `&T` too.
    pub arc_id: TypeId,
    /// The name of `T`, for people.
    pub type_name: fn() -> &'static str,
}

/// How a hook uses a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `&T`
    Borrow,
    /// `T`
    Take,
}

impl Need {
    /// `&T`
    #[must_use]
    pub const fn borrow<T: 'static>() -> Self {
        Self::new::<T>(Access::Borrow, false)
    }

    /// `T`
    #[must_use]
    pub const fn take<T: 'static>() -> Self {
        Self::new::<T>(Access::Take, false)
    }

    /// `Option<&T>`
    #[must_use]
    pub const fn borrow_optional<T: 'static>() -> Self {
        Self::new::<T>(Access::Borrow, true)
    }

    /// `Option<T>`
    #[must_use]
    pub const fn take_optional<T: 'static>() -> Self {
        Self::new::<T>(Access::Take, true)
    }

    const fn new<T: 'static>(access: Access, optional: bool) -> Self {
        Self {
            access,
            optional,
            id: TypeId::of::<T>(),
            arc_id: TypeId::of::<Arc<T>>(),
            type_name: type_name::<T>,
        }
    }
}

impl fmt::Debug for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            Access::Borrow => "&",
            Access::Take => "",
        };
        let (open, close) = if self.optional { ("Option<", ">") } else { ("", "") };
        write!(f, "{open}{access}{}{close}", (self.type_name)())
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
