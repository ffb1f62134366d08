use std::any::TypeId;

/// Who a hook is. Names are for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HookId {
    /// Declared by `#[on_shutdown]`: its marker type.
    Declared(TypeId),
    /// Registered at run time, counted by whoever registers.
    Registered(u64),
    /// Of a plan that was read, counted there: nobody knows what it does.
    Read(u64),
}
