//! From what was written down to the plan: one pass over each question, each linear in the plan.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    HookId, Plan, Uses,
    cycles::cut_cycles,
    edges::{Edge, Edges, Why},
    error::PlanProblem,
    explain::Explainer,
    graph::{Chain, Graph, sequence},
    names::names,
    order::lift,
    ownership::ownership,
    planned::PlannedHook,
    spec::HookSpec,
};

/// What follows from a plan's hooks, edges and corrections.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) hooks: Vec<PlannedHook>,
    pub(super) place: HashMap<HookId, u32>,
    pub(super) graph: Graph,
    pub(super) problems: Vec<PlanProblem>,
}

impl Resolved {
    /// Never fails: where the plan contradicts itself it says so in `problems`, and what
    /// contradicts is left out of the graph, so that a broken plan can still be shown.
    pub(super) fn new(plan: &Plan) -> Self {
        let specs = sorted(plan.entries.iter().filter(|entry| entry.kept).map(|entry| &entry.spec));
        let (names, clashes) = names(&specs);
        let owned = ownership(&specs, &sorted_uses(&plan.uses));
        let hooks = specs.len() as u32;
        let mut edges = edges(plan, &specs, owned.edges);

        let cycles = cut_cycles(&mut edges, hooks);
        let mut written: Vec<Option<i32>> = specs.iter().map(|spec| spec.order).collect();
        written.resize(edges.nodes(), None);
        let lifted = lift(&mut edges, &written, hooks);
        let order = lifted.order;

        let explainer = Explainer { specs: &specs, names: &names, edges: &edges };
        let mut problems: Vec<PlanProblem> =
            cycles.iter().map(|cycle| explainer.cycle(cycle)).collect();
        let in_cycles = cycles.iter().flat_map(|cycle| {
            let pairs = cycle.iter().zip(cycle.iter().cycle().skip(1));
            pairs.filter(|(from, to)| {
                written[**to as usize].is_some()
                    && written[**from as usize] > written[**to as usize]
            })
        });
        problems.extend(in_cycles.map(|(&from, &to)| explainer.contradiction(&[from, to])));
        problems.extend(lifted.contradictions.iter().map(|chain| explainer.contradiction(chain)));
        problems.extend(
            owned.contested.iter().map(|(taken, takers)| explainer.two_takers(taken, takers)),
        );
        problems.extend(clashes.iter().map(|clash| explainer.equal_names(clash)));
        problems.extend(plan.missing().map(|missing| missing.problem()));

        let against: Vec<usize> = edges
            .standing()
            .filter(|(_, edge)| order[edge.from as usize] > order[edge.to as usize])
            .map(|(i, _)| i)
            .collect();
        against.into_iter().for_each(|i| edges.cut(i));
        let sequence = sequence(&edges, &order, hooks);
        let planned: Vec<PlannedHook> = sequence
            .iter()
            .filter(|&&node| node < hooks)
            .map(|&node| {
                let spec = specs[node as usize];
                PlannedHook {
                    id: spec.id,
                    name: names[node as usize].clone(),
                    location: spec.location,
                    order: order[node as usize],
                    timeout: spec.timeout.unwrap_or(plan.default_timeout),
                    timeout_written: spec.timeout.is_some(),
                    timeout_open: spec.timeout.is_none() && !plan.default_is_written,
                    fallback_timeout: spec.fallback_timeout,
                    needs: spec.resources().copied().collect(),
                    if_provided: spec.if_provided,
                    after_written: spec.after_written,
                    unordered: false,
                    read_types: spec.read_types.clone(),
                }
            })
            .collect();
        let time: Vec<Chain> = planned.iter().map(PlannedHook::longest).collect();
        let graph = if plan.sequential {
            Graph::sequential(time, plan.default_timeout)
        } else {
            Graph::new(&edges, &order, &sequence, time, plan.default_timeout)
        };
        let mut resolved = Self {
            place: (0..).zip(&planned).map(|(place, hook)| (hook.id, place)).collect(),
            hooks: planned,
            graph,
            problems,
        };
        resolved.mark_unordered();
        resolved
    }

    /// Of a hook that a problem names edges may have been left out: nothing is said of it.
    fn mark_unordered(&mut self) {
        let in_doubt: HashSet<&str> = self.problems.iter().flat_map(PlanProblem::hooks).collect();
        let has_edge = self.graph.has_edge_in_order();
        let mut has_edge = has_edge.iter();
        for group in self.hooks.chunk_by_mut(|a, b| a.order == b.order) {
            let alone = group.len() == 1;
            for (hook, has_edge) in group.iter_mut().zip(&mut has_edge) {
                hook.unordered = !alone && !has_edge && !in_doubt.contains(&*hook.name);
            }
        }
    }
}

/// By name, then place: whatever the linker did, the same hooks are the same nodes.
fn sorted<'s>(specs: impl Iterator<Item = &'s HookSpec>) -> Vec<&'s HookSpec> {
    let mut specs: Vec<_> = specs.collect();
    specs.sort_by(|a, b| (&a.name, a.location, a.id).cmp(&(&b.name, b.location, b.id)));
    specs
}

/// Nor does the order count in which resources came.
fn sorted_uses(uses: &[Uses]) -> Vec<Uses> {
    let mut uses = uses.to_vec();
    uses.sort_by_key(|uses| (uses.of_name, uses.used_name, uses.location));
    uses
}

/// All edges. Behind the nodes of `specs` come stand-ins for the hooks that edges name but the plan
/// does not have: who ran before such a hook still runs before who ran after it.
fn edges(plan: &Plan, specs: &[&HookSpec], owned: Vec<Edge>) -> Edges {
    let left_out = sorted(plan.entries.iter().filter(|entry| !entry.kept).map(|entry| &entry.spec));
    let mut node: HashMap<HookId, u32> =
        (0..).zip(specs.iter().chain(&left_out)).map(|(i, spec)| (spec.id, i)).collect();
    let writers = || specs.iter().chain(&left_out);
    let named = writers()
        .flat_map(|spec| spec.after.iter().chain(&spec.before))
        .chain(plan.edges.iter().flat_map(|edge| [&edge.before, &edge.after]));
    let unknown: BTreeSet<HookId> = named.copied().filter(|id| !node.contains_key(id)).collect();
    for id in unknown {
        let next = node.len() as u32;
        node.insert(id, next);
    }

    let mut list = owned;
    for spec in writers() {
        let own = node[&spec.id];
        list.extend(spec.after.iter().map(|other| Edge {
            from: node[other],
            to: own,
            why: Why::After,
        }));
        list.extend(spec.before.iter().map(|other| Edge {
            from: own,
            to: node[other],
            why: Why::Before,
        }));
    }
    for edge in &plan.edges {
        list.push(Edge {
            from: node[&edge.before],
            to: node[&edge.after],
            why: Why::Edge(edge.location),
        });
    }
    Edges::new(node.len(), list)
}
