//! What an application changes in a plan, above all in what its libraries declared.

use std::{any::TypeId, collections::HashSet, time::Duration};

use crate::{Hook, SourceLocation};

use super::{Entry, HookId, Plan, Uses, WrittenEdge, spec::HookSpec};

/// Corrections make another plan, which is checked again when it is next asked. About a hook that
/// the plan does not have they say nothing and change nothing; only an order that edges give
/// through it stays, as if it had been left out.
impl Plan {
    /// Leaves out all hooks but these. The order that was written through the others stays: with A
    /// before B before C, and B left out, A still runs before C, unless what is left says
    /// otherwise.
    #[must_use]
    pub fn only<S: HookSet>(self) -> Self {
        let wanted: HashSet<HookId> = S::markers().into_iter().map(HookId::Declared).collect();
        self.changed(|plan| {
            plan.entries.iter_mut().for_each(|entry| entry.kept &= wanted.contains(&entry.spec.id));
        })
    }

    /// Leaves `H` out. The order that was written through it stays: with A before H before C, A
    /// still runs before C, unless what is left says otherwise.
    #[must_use]
    pub fn without<H: Hook>(self) -> Self {
        self.changed(|plan| plan.with_entry(HookId::of::<H>(), |entry| entry.kept = false))
    }

    /// Gives `H` this timeout.
    #[must_use]
    pub fn timeout<H: Hook>(mut self, timeout: Duration) -> Self {
        self.set_timeout(HookId::of::<H>(), timeout);
        self
    }

    /// Gives `H` this order, as if it were written at the hook.
    #[must_use]
    pub fn order<H: Hook>(self, order: i32) -> Self {
        self.changed(|plan| {
            plan.with_entry(HookId::of::<H>(), |entry| entry.spec.order = Some(order));
        })
    }

    /// Lets `A` end before `B` starts.
    #[track_caller]
    #[must_use]
    pub fn edge<A: Hook, B: Hook>(self) -> Self {
        let location = SourceLocation::caller();
        let edge = WrittenEdge { before: HookId::of::<A>(), after: HookId::of::<B>(), location };
        self.changed(|plan| plan.edges.push(edge))
    }

    /// Runs one hook after the other, in the order of [`hooks`](Self::hooks).
    #[must_use]
    pub fn sequential(self) -> Self {
        self.changed(|plan| plan.sequential = true)
    }

    /// The timeout of hooks that declare none, as the configuration wrote it.
    pub(crate) fn with_default_timeout(self, timeout: Duration) -> Self {
        self.changed(|plan| (plan.default_timeout, plan.default_is_written) = (timeout, true))
    }

    /// What hooks have whose timeout nobody wrote, if there are any.
    pub(crate) fn with_share(self, each: Duration) -> Self {
        if self.default_is_written || self.default_timeout == each {
            return self;
        }
        self.changed(|plan| plan.default_timeout = each)
    }

    /// Whether some of its hooks were registered at run time.
    pub(crate) fn has_registered(&self) -> bool {
        let mut kept = self.entries.iter().filter(|entry| entry.kept);
        kept.any(|entry| matches!(entry.spec.id, HookId::Registered(_)))
    }

    /// Without the hooks that were registered at run time.
    pub(crate) fn without_registered(self) -> Self {
        self.changed(|plan| {
            for entry in &mut plan.entries {
                entry.kept &= !matches!(entry.spec.id, HookId::Registered(_));
            }
        })
    }

    /// Gives the hook this timeout, where the plan has it.
    pub(crate) fn set_timeout(&mut self, hook: HookId, timeout: Duration) {
        self.with_entry(hook, |entry| entry.spec.timeout = Some(timeout));
        self.resolved.take();
    }

    /// Adds what resources said of each other.
    pub(crate) fn with_uses(self, uses: Vec<Uses>) -> Self {
        self.changed(|plan| plan.uses.extend(uses))
    }

    /// Adds hooks; one of an id that is there, or was left out, replaces that.
    pub(crate) fn with_hooks(self, specs: Vec<HookSpec>) -> Self {
        self.changed(|plan| {
            for spec in specs {
                let next = plan.entries.len();
                let at = *plan.index.entry(spec.id).or_insert(next);
                let entry = Entry { spec, kept: true };
                if at == next { plan.entries.push(entry) } else { plan.entries[at] = entry }
            }
        })
    }

    fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self.resolved.take();
        self
    }

    fn with_entry(&mut self, hook: HookId, change: impl FnOnce(&mut Entry)) {
        if let Some(&at) = self.index.get(&hook) {
            change(&mut self.entries[at]);
        }
    }
}

/// One hook or a tuple of up to 16, for [`Plan::only`](crate::Plan::only): `only::<(flush,
/// close_pool)>()`.
pub trait HookSet {
    #[doc(hidden)]
    fn markers() -> Vec<TypeId>;
}

impl<H: Hook> HookSet for H {
    fn markers() -> Vec<TypeId> {
        vec![H::declared().marker]
    }
}

macro_rules! tuples {
    ($($hook:ident)*) => {
        impl<$($hook: Hook),*> HookSet for ($($hook,)*) {
            fn markers() -> Vec<TypeId> {
                vec![$($hook::declared().marker),*]
            }
        }
    };
}

tuples!();
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);
tuples!(A B C D E F G H I J K L M);
tuples!(A B C D E F G H I J K L M N);
tuples!(A B C D E F G H I J K L M N O);
tuples!(A B C D E F G H I J K L M N O P);
