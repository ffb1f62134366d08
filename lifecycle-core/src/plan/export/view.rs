//! The plan as its writers see it.

use std::{ops::Deref, time::Duration};

use crate::{
    Plan,
    declare::DrainNeed,
    plan::{PlanError, PlannedComponent, PlannedHook},
};

/// What table, JSON, Mermaid, dot and pictures show of a plan, found once for all of them. Of an
/// invalid plan it has what does not contradict.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlanView<'p> {
    /// In the plan's order.
    pub hooks: Vec<HookView<'p>>,
    /// The hooks that make the worst case, by their places among `hooks`, in the order in which
    /// they run.
    pub critical_path: Vec<usize>,
    /// How long the hooks take when each takes all of its timeout.
    pub worst_case: Duration,
    /// What stops after the last hook, together.
    pub components: &'p [PlannedComponent],
    /// What declares that it needs time of the drain.
    pub drain_needs: &'p [DrainNeed],
    /// Why the plan is invalid, where it is.
    pub error: Option<PlanError>,
}

/// A hook of the plan, and how it stands to the others. It derefs to the hook.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HookView<'p> {
    /// The hook itself.
    pub hook: &'p PlannedHook,
    /// The hooks that it waits for but for barriers, by their places, without those that others of
    /// them wait for.
    pub waits_for: Vec<usize>,
    /// Whether it is of the critical path.
    pub is_critical: bool,
    /// Whether the hook before it on the critical path is one that it waits for: its place.
    critical_wait: Option<usize>,
}

/// The hooks of one order.
pub(crate) struct OrderView<'v, 'p> {
    pub(crate) order: i32,
    /// The place of the first.
    pub(crate) first: usize,
    pub(crate) hooks: &'v [HookView<'p>],
}

impl Plan {
    pub(crate) fn view(&self) -> PlanView<'_> {
        let place = |place: u32| place as usize;
        let critical_path: Vec<usize> =
            self.graph().critical_path().into_iter().map(place).collect();
        let waits = self.graph().waits().into_iter();
        let hooks = self.hooks().iter().zip(waits).map(|(hook, waits)| HookView {
            hook,
            waits_for: waits.into_iter().map(place).collect(),
            is_critical: false,
            critical_wait: None,
        });
        let mut hooks: Vec<_> = hooks.collect();
        critical_path.iter().for_each(|&at| hooks[at].is_critical = true);
        for pair in critical_path.windows(2) {
            hooks[pair[1]].critical_wait = Some(pair[0]);
        }
        let (worst_case, error) = (self.worst_case(), self.check().err());
        let (components, drain_needs) = (&self.components, &self.drain_needs);
        PlanView { hooks, critical_path, worst_case, components, drain_needs, error }
    }
}

impl<'p> PlanView<'p> {
    /// Of `plan`.
    #[must_use]
    pub fn of(plan: &'p Plan) -> Self {
        plan.view()
    }

    /// The hooks by their orders, least first: between two stands a barrier.
    pub(crate) fn orders(&self) -> impl Iterator<Item = OrderView<'_, 'p>> {
        let mut first = 0;
        self.hooks.chunk_by(|a, b| a.order() == b.order()).map(move |hooks| {
            let order = OrderView { order: hooks[0].order(), first, hooks };
            first += hooks.len();
            order
        })
    }
}

impl HookView<'_> {
    /// Whether the critical path leads from the hook at `before` to this one.
    pub(crate) fn is_critical_after(&self, before: usize) -> bool {
        self.critical_wait == Some(before)
    }
}

impl Deref for HookView<'_> {
    type Target = PlannedHook;

    fn deref(&self) -> &PlannedHook {
        self.hook
    }
}

impl OrderView<'_, '_> {
    /// The hooks with their places.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, &HookView<'_>)> {
        (self.first..).zip(self.hooks)
    }

    /// Who of them waits for whom, by place. Hooks of other orders are behind a barrier anyway.
    pub(crate) fn waits(&self) -> impl Iterator<Item = (usize, usize)> {
        let inside = |&&before: &&usize| before >= self.first;
        self.places().flat_map(move |(at, hook)| {
            hook.waits_for.iter().filter(inside).map(move |&before| (before, at))
        })
    }
}
