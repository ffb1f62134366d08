//! A hook in its place.

use std::{borrow::Cow, time::Duration};

use crate::{
    SourceLocation,
    declare::hook::{Access, Need},
};

use super::graph::Chain;
use crate::declare::HookId;

/// A hook of a plan, with what the plan made of it.
#[derive(Clone, Debug)]
pub struct PlannedHook {
    pub(crate) id: HookId,
    pub(crate) name: Cow<'static, str>,
    pub(crate) location: SourceLocation,
    pub(crate) order: i32,
    pub(crate) timeout: Duration,
    pub(crate) timeout_written: bool,
    /// Whether nobody wrote a timeout, neither at the hook nor for all of them.
    pub(crate) timeout_open: bool,
    pub(crate) fallback_timeout: Duration,
    pub(crate) needs: Vec<Need>,
    pub(crate) if_provided: bool,
    pub(crate) after_written: bool,
    pub(crate) unordered: bool,
    /// Of a hook that was read: the names of its types.
    pub(crate) read_types: Vec<(Access, &'static str)>,
}

impl PlannedHook {
    /// The name, unique within a plan that is valid.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the hook is declared or registered.
    #[must_use]
    pub const fn location(&self) -> SourceLocation {
        self.location
    }

    /// The order it takes: as written, else 0 moved as little as its edges require.
    #[must_use]
    pub const fn order(&self) -> i32 {
        self.order
    }

    /// How long it may take before it is cancelled: as written, else the default.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long the second step may take that a hook with `on_timeout` has; zero without.
    #[must_use]
    pub const fn fallback_timeout(&self) -> Duration {
        self.fallback_timeout
    }

    /// Whether others share its order and no edge within that order names it: it runs beside them
    /// all. Never of a hook that a problem of its plan names.
    #[must_use]
    pub const fn is_unordered(&self) -> bool {
        self.unordered
    }

    /// Whether there is no such hook where a resource of its was never provided.
    #[must_use]
    pub const fn is_if_provided(&self) -> bool {
        self.if_provided
    }

    /// The names of the types it borrows.
    pub fn borrows(&self) -> impl Iterator<Item = &'static str> {
        self.accesses(Access::Borrow)
    }

    /// The names of the types it takes.
    pub fn takes(&self) -> impl Iterator<Item = &'static str> {
        self.accesses(Access::Take)
    }

    pub(crate) const fn id(&self) -> HookId {
        self.id
    }

    /// The resources it asks for; its context is none.
    pub(crate) fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// What it counts for in the worst case.
    pub(super) const fn longest(&self) -> Chain {
        let written = self.fallback_timeout;
        match self.timeout_open {
            true => Chain { written, unwritten: 1 },
            false => Chain { written: written.saturating_add(self.timeout), unwritten: 0 },
        }
    }

    fn accesses(&self, access: Access) -> impl Iterator<Item = &'static str> {
        let needed = self.needs.iter().map(|need| (need.access, (need.type_name)()));
        let all = needed.chain(self.read_types.iter().copied());
        all.filter(move |(found, _)| *found == access).map(|(_, name)| name)
    }
}
