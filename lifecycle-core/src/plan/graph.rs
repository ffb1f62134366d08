//! The plan as whoever runs it needs it: nodes that wait for counts of others.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    ops::Range,
    time::Duration,
};

use super::edges::Edges;

/// What hooks that run one after the other take at worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The times that are written down.
    pub(crate) written: Duration,
    /// How many of the hooks have a timeout that nobody wrote.
    pub(crate) unwritten: u32,
}

impl Chain {
    /// How long it is, where `each` is what unwritten timeouts are.
    pub(crate) const fn length(self, each: Duration) -> Duration {
        self.written.saturating_add(each.saturating_mul(self.unwritten))
    }

    const fn and(self, rest: Self) -> Self {
        Self {
            written: self.written.saturating_add(rest.written),
            unwritten: self.unwritten.saturating_add(rest.unwritten),
        }
    }
}

/// The hooks as nodes `0..hooks`, and behind them nodes that take no time: stand-ins that keep the
/// order through hooks that were left out, and barriers between orders. Linear in hooks and edges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    /// Who may start once this node, and all else it waits for, has ended.
    pub(crate) successors: Vec<Vec<u32>>,
    /// How many nodes this one waits for.
    pub(crate) predecessors: Vec<u32>,
    /// The longest way from the start of the node to the end of the plan, itself included.
    pub(crate) tail: Vec<Duration>,
    /// What each hook takes.
    time: Vec<Chain>,
    /// The nodes so that every edge leads forward.
    topological: Vec<u32>,
    hooks: u32,
    barriers: Range<u32>,
}

/// The nodes of `edges` in the order of the plan: smaller orders first, then smaller nodes (they
/// are sorted for people), stand-ins as early as they can. No standing edge leads to a smaller
/// order.
pub(super) fn sequence(edges: &Edges, order: &[i32], hooks: u32) -> Vec<u32> {
    let key = |node: u32| Reverse((order[node as usize], node < hooks, node));
    let mut waiting: Vec<usize> =
        (0..edges.nodes() as u32).map(|node| edges.predecessors(node).count()).collect();
    let mut ready: BinaryHeap<_> =
        (0..edges.nodes() as u32).filter(|&node| waiting[node as usize] == 0).map(key).collect();
    let mut sequence = Vec::with_capacity(waiting.len());
    while let Some(Reverse((.., node))) = ready.pop() {
        sequence.push(node);
        for to in edges.successors(node) {
            waiting[to as usize] -= 1;
            if waiting[to as usize] == 0 {
                ready.push(key(to));
            }
        }
    }
    sequence
}

impl Graph {
    /// From `sequence`; `time` is what each hook takes at worst, by its place among the hooks
    /// there, and `default` what unwritten timeouts are.
    pub(super) fn new(
        edges: &Edges,
        order: &[i32],
        sequence: &[u32],
        time: Vec<Chain>,
        default: Duration,
    ) -> Self {
        let hooks = time.len() as u32;
        let place = places(edges, order, sequence, hooks);
        let kept = place.iter().flatten().count() as u32;
        let mut graph = Self::empty(hooks, kept);
        for &node in sequence {
            let Some(from) = place[node as usize] else { continue };
            let same = |&to: &u32| order[to as usize] == order[node as usize];
            let mut before = None;
            for to in edges.successors(node).filter(same) {
                // Two reasons for one edge stand next to each other.
                if let (Some(place), true) = (place[to as usize], before != Some(to)) {
                    graph.add(from, place);
                }
                before = Some(to);
            }
        }
        let in_order: Vec<(i32, u32)> = sequence
            .iter()
            .filter_map(|&node| Some((order[node as usize], place[node as usize]?)))
            .collect();
        let mut topological = Vec::with_capacity(in_order.len() * 2);
        let mut last: Option<Vec<u32>> = None;
        for group in in_order.chunk_by(|a, b| a.0 == b.0) {
            let (first, ends): (Vec<u32>, Vec<u32>) = (
                group
                    .iter()
                    .map(|node| node.1)
                    .filter(|&node| graph.predecessors[node as usize] == 0)
                    .collect(),
                group
                    .iter()
                    .map(|node| node.1)
                    .filter(|&node| graph.successors[node as usize].is_empty())
                    .collect(),
            );
            if let Some(ends) = last.replace(ends) {
                let barrier = graph.barrier();
                ends.into_iter().for_each(|from| graph.add(from, barrier));
                first.into_iter().for_each(|to| graph.add(barrier, to));
                topological.push(barrier);
            }
            topological.extend(group.iter().map(|node| node.1));
        }
        graph.measured(topological, time, default)
    }

    /// One hook after the other.
    pub(super) fn sequential(time: Vec<Chain>, default: Duration) -> Self {
        let hooks = time.len() as u32;
        let mut graph = Self::empty(hooks, hooks);
        (1..hooks).for_each(|node| graph.add(node - 1, node));
        graph.measured((0..hooks).collect(), time, default)
    }

    /// For each node, the longest way from its start to the end of the plan, itself included,
    /// where `each` is what unwritten timeouts are.
    pub(crate) fn tails(&self, each: Duration) -> Vec<Chain> {
        self.longest(|chain| (chain.length(each), chain.unwritten))
    }

    /// For each node, the most unwritten timeouts on a way from its start to the end of the plan.
    pub(crate) fn most_unwritten(&self) -> Vec<u32> {
        self.longest(|chain| chain.unwritten).iter().map(|chain| chain.unwritten).collect()
    }

    /// The time from the first start to the last end, when all take as long as they may.
    pub(super) fn worst_case(&self) -> Duration {
        self.tail.iter().copied().max().unwrap_or_default()
    }

    /// The hooks of a longest way, in order.
    pub(super) fn critical_path(&self) -> Vec<u32> {
        let longest = |nodes: &mut dyn Iterator<Item = u32>| {
            nodes.max_by_key(|&node| (self.tail[node as usize], Reverse(node)))
        };
        let first = longest(
            &mut (0..self.tail.len() as u32).filter(|&node| self.predecessors[node as usize] == 0),
        );
        std::iter::successors(first, |&node| {
            longest(&mut self.successors[node as usize].iter().copied())
        })
        .filter(|&node| node < self.hooks)
        .collect()
    }

    /// Whether an edge within one order, or a chain of them, leads from `from` to `to`.
    pub(super) fn reaches_in_order(&self, from: u32, to: u32) -> bool {
        let mut seen = vec![false; self.successors.len()];
        let mut next = vec![from];
        while let Some(node) = next.pop() {
            for &node in &self.successors[node as usize] {
                if node == to {
                    return true;
                }
                if !self.barriers.contains(&node)
                    && !std::mem::replace(&mut seen[node as usize], true)
                {
                    next.push(node);
                }
            }
        }
        false
    }

    /// For each hook, the hooks of its own order that it waits for, in the plan's order, without
    /// those that others of them wait for.
    pub(crate) fn waits(&self) -> Vec<Vec<u32>> {
        let mut before: Vec<Vec<u32>> = vec![Vec::new(); self.successors.len()];
        for (from, successors) in (0..).zip(&self.successors) {
            if !self.barriers.contains(&from) {
                successors.iter().for_each(|&to| before[to as usize].push(from));
            }
        }
        let hooks_before = |node: u32| {
            let (mut found, mut next) = (Vec::new(), before[node as usize].clone());
            while let Some(node) = next.pop() {
                if node < self.hooks {
                    found.push(node);
                } else {
                    next.extend(&before[node as usize]);
                }
            }
            found.sort_unstable();
            found.dedup();
            found
        };
        let nearest = |hook: u32| {
            let mut found = hooks_before(hook);
            if let [first, _, ..] = found[..] {
                let mut further = HashSet::new();
                let mut next: Vec<u32> =
                    found.iter().flat_map(|&node| &before[node as usize]).copied().collect();
                while let Some(node) = next.pop() {
                    // Places ascend along edges: nothing behind the first is of interest.
                    if node >= first && further.insert(node) {
                        next.extend(&before[node as usize]);
                    }
                }
                found.retain(|node| !further.contains(node));
            }
            found
        };
        (0..self.hooks).map(nearest).collect()
    }

    /// Whether the hook has an edge within its order.
    pub(super) fn has_edge_in_order(&self) -> Vec<bool> {
        let mut has = vec![false; self.successors.len()];
        for (from, successors) in (0..).zip(&self.successors) {
            for to in successors
                .iter()
                .filter(|to| !self.barriers.contains(to) && !self.barriers.contains(&from))
            {
                has[from as usize] = true;
                has[*to as usize] = true;
            }
        }
        has.truncate(self.hooks as usize);
        has
    }

    fn empty(hooks: u32, nodes: u32) -> Self {
        Self {
            successors: vec![Vec::new(); nodes as usize],
            predecessors: vec![0; nodes as usize],
            tail: Vec::new(),
            time: Vec::new(),
            topological: Vec::new(),
            hooks,
            barriers: nodes..nodes,
        }
    }

    fn barrier(&mut self) -> u32 {
        self.successors.push(Vec::new());
        self.predecessors.push(0);
        self.barriers.end += 1;
        self.barriers.end - 1
    }

    fn add(&mut self, from: u32, to: u32) {
        self.successors[from as usize].push(to);
        self.predecessors[to as usize] += 1;
    }

    fn measured(mut self, topological: Vec<u32>, time: Vec<Chain>, default: Duration) -> Self {
        (self.topological, self.time) = (topological, time);
        self.tail = self.tails(default).iter().map(|chain| chain.length(default)).collect();
        self
    }

    fn longest<K: Ord>(&self, key: impl Fn(&Chain) -> K) -> Vec<Chain> {
        let mut tails = vec![Chain::default(); self.successors.len()];
        for &node in self.topological.iter().rev() {
            let node = node as usize;
            let behind = self.successors[node].iter().map(|&to| tails[to as usize]);
            let rest = behind.max_by_key(&key).unwrap_or_default();
            tails[node] = self.time.get(node).copied().unwrap_or_default().and(rest);
        }
        tails
    }
}

/// Where each node stands in the graph: hooks first; stand-ins only where they pass an order on
/// between hooks of one order.
fn places(edges: &Edges, order: &[i32], sequence: &[u32], hooks: u32) -> Vec<Option<u32>> {
    let mut behind = vec![false; edges.nodes()];
    let mut ahead = vec![false; edges.nodes()];
    let same = |a: u32, b: u32| order[a as usize] == order[b as usize];
    for &node in sequence {
        behind[node as usize] = edges
            .predecessors(node)
            .any(|from| same(from, node) && (from < hooks || behind[from as usize]));
    }
    for &node in sequence.iter().rev() {
        ahead[node as usize] =
            edges.successors(node).any(|to| same(to, node) && (to < hooks || ahead[to as usize]));
    }
    let mut place = vec![None; edges.nodes()];
    let (mut hook, mut stand_in) = (0, hooks);
    for &node in sequence {
        let next = if node < hooks { &mut hook } else { &mut stand_in };
        if node < hooks || behind[node as usize] && ahead[node as usize] {
            place[node as usize] = Some(*next);
            *next += 1;
        }
    }
    place
}
