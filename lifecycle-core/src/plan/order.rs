//! Which order each hook takes.

use std::collections::{HashMap, VecDeque};

use super::edges::Edges;

/// A plan in which more chains than this contradict each other is told of the first ones.
const CHAINS: usize = 256;

/// The order each node takes, and what contradicts.
#[derive(Debug)]
pub(super) struct Lifted {
    pub(super) order: Vec<i32>,
    /// Chains of edges from a hook of a greater written order to one of a smaller; all between the
    /// two have none.
    pub(super) contradictions: Vec<Vec<u32>>,
}

/// A written order stands; a node without one takes 0, moved as little as its edges require. Nodes
/// from `hooks` on are stand-ins for hooks that were left out: chains through them give way.
/// `edges` has no cycle.
pub(super) fn lift(edges: &mut Edges, written: &[Option<i32>], hooks: u32) -> Lifted {
    loop {
        let lifted = lift_once(edges, written);
        let stand_ins: Vec<u32> =
            lifted.contradictions.iter().flatten().copied().filter(|&node| node >= hooks).collect();
        if stand_ins.is_empty() {
            return lifted;
        }
        stand_ins.into_iter().for_each(|node| edges.cut_around(node));
    }
}

fn lift_once(edges: &Edges, written: &[Option<i32>]) -> Lifted {
    let sequence = edges.topological();
    // The greatest written order on a way to the node, itself included; the smallest on a way from
    // it.
    let mut floor = written.to_vec();
    let mut ceiling = written.to_vec();
    for &node in &sequence {
        let above = edges.predecessors(node).filter_map(|from| floor[from as usize]).max();
        floor[node as usize] = floor[node as usize].max(above);
    }
    for &node in sequence.iter().rev() {
        let below = edges.successors(node).filter_map(|to| ceiling[to as usize]).min();
        ceiling[node as usize] = match (ceiling[node as usize], below) {
            (Some(own), Some(below)) => Some(own.min(below)),
            (own, below) => own.or(below),
        };
    }
    let order = (0..written.len())
        .map(|i| {
            written[i]
                .unwrap_or_else(|| 0.min(ceiling[i].unwrap_or(0)).max(floor[i].unwrap_or(i32::MIN)))
        })
        .collect();

    let mut contradictions = Vec::new();
    for &node in &sequence {
        if let Some(own) = written[node as usize] {
            contradictions.extend(chains_to(node, own, edges, written, &floor));
        }
        if contradictions.len() >= CHAINS {
            break;
        }
    }
    contradictions.sort();
    Lifted { order, contradictions }
}

/// The shortest chain to `node` from each written hook of a greater order that reaches it through
/// hooks without one. Looks only where `floor` promises one, so a plan without contradictions costs
/// nothing.
fn chains_to(
    node: u32,
    own: i32,
    edges: &Edges,
    written: &[Option<i32>],
    floor: &[Option<i32>],
) -> Vec<Vec<u32>> {
    let mut leads_to = HashMap::new();
    let mut chains = Vec::new();
    let mut next = VecDeque::from([node]);
    while let Some(at) = next.pop_front() {
        for from in edges.predecessors(at).filter(|&from| floor[from as usize] > Some(own)) {
            if leads_to.contains_key(&from) {
                continue;
            }
            leads_to.insert(from, at);
            match written[from as usize] {
                None => next.push_back(from),
                Some(order) if order > own => {
                    chains.push(
                        std::iter::successors(Some(from), |at| leads_to.get(at).copied()).collect(),
                    );
                }
                Some(_) => {}
            }
        }
        if chains.len() >= CHAINS {
            break;
        }
    }
    chains
}
