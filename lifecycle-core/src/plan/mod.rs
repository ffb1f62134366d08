//! The plan: hooks in their partial order, checked before anything runs.
//!
//! `spec` is what goes in. `resolve` asks one question after the other: `names`, `ownership`,
//! `edges`, `cycles`, `order`, and makes the `graph` that a teardown follows. Nothing here knows a
//! runtime, a clock or the registry.

mod compared;
mod component;
mod corrections;
mod cycles;
mod diff;
mod edges;
mod error;
mod explain;
mod export;
mod graph;
mod hints;
mod names;
mod order;
mod ownership;
mod planned;
mod resolve;
mod spec;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::OnceLock, time::Duration};

use crate::{
    Hook, SourceLocation,
    declare::{DrainNeed, HookId, Uses, hook::ExpectedHook},
};

use self::{resolve::Resolved, spec::Promise};

pub use self::diff::PlanDiff;
pub(crate) use self::names::last_names;
pub use self::{
    component::PlannedComponent,
    corrections::HookSet,
    error::{PlanError, PlanProblem},
    export::{HookView, PlanView, PlanWriter},
    hints::PlanHint,
    planned::PlannedHook,
};
pub(crate) use self::{
    export::json::read_others,
    graph::{Chain, Graph},
    spec::HookSpec,
};

/// What a hook gets that declares no timeout, unless the configuration says otherwise.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The shutdown hooks in their partial order.
///
/// `Display` is a table for a terminal of 80 columns; `{:#}` is the same in colour.
#[derive(Clone, Debug)]
pub struct Plan {
    entries: Vec<Entry>,
    index: HashMap<HookId, usize>,
    uses: Vec<Uses>,
    edges: Vec<WrittenEdge>,
    promises: Vec<Promise>,
    sequential: bool,
    components: Vec<PlannedComponent>,
    drain_needs: Vec<DrainNeed>,
    default_timeout: Duration,
    /// Whether the configuration gave it.
    default_is_written: bool,
    /// What follows from the above, found when it is first asked for.
    resolved: OnceLock<Resolved>,
}

/// A hook, and whether a correction left it out: its written edges still order those around it.
#[derive(Clone, Debug)]
struct Entry {
    spec: HookSpec,
    kept: bool,
}

/// An edge that the application added.
#[derive(Clone, Copy, Debug)]
struct WrittenEdge {
    before: HookId,
    after: HookId,
    location: SourceLocation,
}

impl Plan {
    /// The plan of these hooks, whatever their order; [`check`](Self::check) tells whether it
    /// holds. `expected` is what `expect_hooks!` promised; those that are in `specs` are no
    /// problem.
    pub(crate) fn build(
        specs: Vec<HookSpec>,
        uses: Vec<Uses>,
        expected: Vec<ExpectedHook>,
    ) -> Self {
        let empty = Self {
            entries: Vec::with_capacity(specs.len()),
            index: HashMap::with_capacity(specs.len()),
            uses,
            edges: Vec::new(),
            promises: expected.into_iter().map(Promise::from).collect(),
            sequential: false,
            components: Vec::new(),
            drain_needs: Vec::new(),
            default_timeout: DEFAULT_TIMEOUT,
            default_is_written: false,
            resolved: OnceLock::new(),
        };
        empty.with_hooks(specs)
    }

    /// Whether the plan can run.
    ///
    /// # Errors
    ///
    /// Every contradiction it has, at once.
    pub fn check(&self) -> Result<(), PlanError> {
        match self.resolved().problems.as_slice() {
            [] => Ok(()),
            problems => Err(PlanError::new(problems.to_vec())),
        }
    }

    /// The hooks in a topological order that depends on them alone: by order, then so that each
    /// comes after all it waits for, then by name and place.
    #[must_use]
    pub fn hooks(&self) -> &[PlannedHook] {
        &self.resolved().hooks
    }

    /// Whether `A` ends before `B` starts, whatever happens. False when the plan lacks one of them,
    /// and when it is invalid.
    #[must_use]
    pub fn runs_before<A: Hook, B: Hook>(&self) -> bool {
        let Resolved { hooks, place, graph, problems } = self.resolved();
        let place = |id| place.get(&id).copied();
        let (Some(a), Some(b)) = (place(HookId::of::<A>()), place(HookId::of::<B>())) else {
            return false;
        };
        let [first, second] = [a, b].map(|place| hooks[place as usize].order);
        problems.is_empty() && (first < second || first == second && graph.reaches_in_order(a, b))
    }

    /// How long the hooks take when each takes all of its timeout; one that nobody wrote counts
    /// for the 5 s that it has where there is time.
    #[must_use]
    pub fn worst_case(&self) -> Duration {
        self.graph().worst_case()
    }

    /// The hooks that make the worst case as long as it is, in the order in which they run. Where
    /// several ways are as long, it is one of them, always the same.
    #[must_use]
    pub fn critical_path(&self) -> Vec<&PlannedHook> {
        self.graph()
            .critical_path()
            .into_iter()
            .map(|place| &self.hooks()[place as usize])
            .collect()
    }

    /// For whoever runs the plan: node `i` is `hooks()[i]`. Of an invalid plan it lacks what
    /// contradicts.
    pub(crate) fn graph(&self) -> &Graph {
        &self.resolved().graph
    }

    /// Promised hooks that nobody linked.
    fn missing(&self) -> impl Iterator<Item = &Promise> {
        self.promises.iter().filter(|promise| !self.index.contains_key(&promise.id))
    }

    fn resolved(&self) -> &Resolved {
        self.resolved.get_or_init(|| Resolved::new(self))
    }
}
