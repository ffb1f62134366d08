//! Plans to simulate, and what a plan promises, by brute force.

use std::{collections::HashMap, time::Duration};

use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, any, prop},
    prop_oneof,
    sample::select,
};

use super::{
    ms,
    resources::{KINDS, Supply, USES, borrow, take, uses},
    simulator::Does,
};
use crate::{
    Plan, SourceLocation, declare::HookId, declare::Uses, declare::hook::Access, plan::HookSpec,
};

pub(super) fn id(n: usize) -> HookId {
    HookId::Registered(n as u64)
}

/// Hook `n`, which may take `timeout`.
pub(super) fn hook(n: usize, timeout: Duration) -> HookSpec {
    let location = SourceLocation::new("src/hooks.rs", n as u32 + 1);
    HookSpec { timeout: Some(timeout), ..HookSpec::new(id(n), format!("hook{n}").into(), location) }
}

pub(super) fn plan(specs: Vec<HookSpec>) -> Plan {
    let plan = Plan::build(specs, Vec::new(), Vec::new());
    assert!(plan.check().is_ok(), "{:?}", plan.check());
    plan
}

pub(super) fn no_hooks() -> Plan {
    plan(Vec::new())
}

/// One hook after the other, with these timeouts.
pub(super) fn chain(timeouts: &[Duration]) -> Plan {
    let hooks = timeouts.iter().enumerate().map(|(n, timeout)| {
        let mut hook = hook(n, *timeout);
        hook.after = (n > 0).then(|| id(n.wrapping_sub(1))).into_iter().collect();
        hook
    });
    plan(hooks.collect())
}

/// What a simulated stop is made of. Hook `n` has the id `n`.
#[derive(Clone, Debug)]
pub(super) struct Overrides {
    pub(super) specs: Vec<HookSpec>,
    pub(super) uses: Vec<Uses>,
    pub(super) supply: Supply,
    pub(super) does: Vec<Does>,
    pub(super) does_second: Vec<Does>,
}

impl Overrides {
    pub(super) fn plan(&self) -> Plan {
        let plan = Plan::build(self.specs.clone(), self.uses.clone(), Vec::new());
        assert!(plan.check().is_ok(), "{:?}", plan.check());
        plan
    }
}

/// Up to `most` hooks that contradict nothing: edges lead from smaller to larger numbers, and written
/// orders ascend with them.
///
/// Timeouts are whole tenths of a second and what hooks take is not, so that nothing ends at the very
/// moment of its timeout: both outcomes would be right.
pub(super) fn given(most: usize) -> impl Strategy<Value = Overrides> {
    (1..=most).prop_flat_map(|count| {
        let hook = (option::weighted(0.3, -2..3_i32), 1..40_u64, option::weighted(0.1, 1..10_u64));
        let borrows = vec(prop_oneof![3 => Just(None), 1 => (0..KINDS).prop_map(Some)], count);
        let edges = vec((0..count, 0..count, any::<bool>()), 0..=count);
        let takers = vec(option::weighted(0.6, 0..count), KINDS);
        let used = prop::sample::subsequence(USES.to_vec(), 0..=2);
        let supply = prop_oneof![
            4 => Just(Supply::Everything),
            1 => prop::sample::subsequence((0..KINDS).collect::<Vec<_>>(), 0..KINDS).prop_map(Supply::Only),
        ];
        let names = Just((0..count).collect::<Vec<_>>()).prop_shuffle();
        let does = (vec(does(), count), vec(does(), count));
        (vec(hook, count), borrows, edges, takers, used, supply, names, does).prop_map(
            |(hooks, borrows, edges, takers, used, supply, names, (does, does_second))| {
                let mut orders: Vec<i32> = hooks.iter().filter_map(|hook| hook.0).collect();
                orders.sort_unstable();
                let mut orders = orders.into_iter();
                let mut specs: Vec<HookSpec> = Vec::new();
                for (n, (order, timeout, reserve)) in hooks.into_iter().enumerate() {
                    let mut spec = self::hook(n, ms(100 * timeout));
                    spec.name = format!("name{:02}", names[n]).into();
                    spec.order = order.and_then(|_| orders.next());
                    spec.fallback_timeout = ms(100 * reserve.unwrap_or_default());
                    spec.needs = borrows[n].map(borrow).into_iter().collect();
                    specs.push(spec);
                }
                for (a, b, after) in edges.into_iter().filter(|(a, b, _)| a != b) {
                    let (from, to) = (a.min(b), a.max(b));
                    if after { specs[to].after.push(id(from)) } else { specs[from].before.push(id(to)) }
                }
                add_takers(&mut specs, &takers, &used);
                // Only hooks of run time have second steps, and they ask for nothing.
                for spec in specs.iter_mut().filter(|spec| !spec.needs.is_empty()) {
                    spec.fallback_timeout = Duration::ZERO;
                }
                let uses = used.into_iter().map(|(user, used)| uses(user, used)).collect();
                Overrides { specs, uses, supply, does, does_second }
            },
        )
    })
}

/// Lets a hook take each kind that has a taker: one behind all that use the kind.
fn add_takers(specs: &mut [HookSpec], takers: &[Option<usize>], uses: &[(usize, usize)]) {
    let mut last_user = [None; KINDS];
    for (n, spec) in specs.iter().enumerate() {
        for need in &spec.needs {
            last_user[super::resources::kind_of(need.id)] = Some(n);
        }
    }
    for kind in 0..KINDS {
        let users = uses.iter().filter(|(_, used)| *used == kind).map(|(user, _)| last_user[*user]);
        last_user[kind] = users.fold(last_user[kind], Option::max);
        let first = last_user[kind].map_or(0, |last| last + 1);
        if let Some(wish) = takers[kind]
            && first < specs.len()
        {
            let taker = first + wish % (specs.len() - first);
            specs[taker].needs.push(take(kind));
            last_user[kind] = Some(taker);
        }
    }
}

fn does() -> impl Strategy<Value = Does> {
    let time =
        (0..45_u64, select(vec![1, 49, 99])).prop_map(|(tenths, more)| ms(100 * tenths + more));
    let goes = select(vec![0, 1, 50, 99, 150]).prop_map(ms);
    prop_oneof![
        6 => time.clone().prop_map(Does::Completes),
        2 => time.clone().prop_map(Does::Fails),
        2 => time.clone().prop_map(Does::Panics),
        2 => goes.prop_map(|goes| Does::Hangs { goes }),
        2 => option::weighted(0.6, time).prop_map(Does::Blocks),
    ]
}

/// The hooks that the graph lets a hook wait for, directly or through nodes that are no hooks.
pub(super) fn predecessors(plan: &Plan) -> HashMap<HookId, Vec<HookId>> {
    let (hooks, graph) = (plan.hooks(), plan.graph());
    let mut found: HashMap<HookId, Vec<HookId>> =
        hooks.iter().map(|hook| (hook.id(), Vec::new())).collect();
    for (from, hook) in hooks.iter().enumerate() {
        let mut next = graph.successors[from].clone();
        let mut seen = vec![false; graph.successors.len()];
        while let Some(node) = next.pop() {
            let node = node as usize;
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            match hooks.get(node) {
                Some(successor) => found.entry(successor.id()).or_default().push(hook.id()),
                None => next.extend(&graph.successors[node]),
            }
        }
    }
    found
}

/// Whether somebody takes the kind in `specs`.
pub(super) fn taker_of(specs: &[HookSpec], kind: usize) -> Option<HookId> {
    let takes = |spec: &&HookSpec| {
        spec.needs.iter().any(|need| need.access == Access::Take && need.id == take(kind).id)
    };
    specs.iter().find(takes).map(|spec| spec.id)
}
