//! What was written down of a plan, before anything is derived from it: for whoever checks a stop against it.

use super::{HookId, Plan};

impl Plan {
    /// The edges as they were written, between hooks that are in the plan: the first before the second.
    pub(crate) fn written_pairs(&self) -> Vec<(HookId, HookId)> {
        let kept = |id: &HookId| self.index.get(id).is_some_and(|&at| self.entries[at].kept);
        let specs = self.entries.iter().map(|entry| &entry.spec);
        let pairs = specs.flat_map(|spec| {
            let after = spec.after.iter().map(|first| (*first, spec.id));
            after.chain(spec.before.iter().map(|then| (spec.id, *then)))
        });
        let added = self.edges.iter().map(|edge| (edge.before, edge.after));
        pairs.chain(added).filter(|(first, then)| kept(first) && kept(then)).collect()
    }

    /// The hooks of the plan whose order was written, with it.
    pub(crate) fn written_orders(&self) -> Vec<(HookId, i32)> {
        let kept = self.entries.iter().filter(|entry| entry.kept);
        kept.filter_map(|entry| Some((entry.spec.id, entry.spec.order?))).collect()
    }

    /// Whether one hook is to run after the other.
    pub(crate) const fn is_sequential(&self) -> bool {
        self.sequential
    }
}
