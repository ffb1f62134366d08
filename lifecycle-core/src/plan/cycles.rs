//! Hooks that wait for one another in a circle.

use std::collections::{HashMap, VecDeque};

use super::edges::Edges;

/// Plans with more independent cycles than this are told of the first ones: each costs a pass.
const ROUNDS: usize = 64;

/// Cuts edges until none leads back, and returns the cycles that did, each from its smallest node,
/// all edge-disjoint. Nodes from `hooks` on are stand-ins for hooks that were left out: the order
/// through them gives way without a word where it contradicts what is left.
pub(super) fn cut_cycles(edges: &mut Edges, hooks: u32) -> Vec<Vec<u32>> {
    let mut cycles = Vec::new();
    for round in 0.. {
        let component = components(edges);
        let circular: Vec<(usize, u32, u32)> = edges
            .standing()
            .filter(|(_, edge)| component[edge.from as usize] == component[edge.to as usize])
            .map(|(i, edge)| (i, edge.from, edge.to))
            .collect();
        if circular.is_empty() {
            break;
        }
        let stand_ins: Vec<usize> = circular
            .iter()
            .filter(|(_, from, to)| (*from).max(*to) >= hooks)
            .map(|(i, ..)| *i)
            .collect();
        if !stand_ins.is_empty() || round >= ROUNDS {
            let give_way = if round >= ROUNDS {
                circular.iter().map(|(i, ..)| *i).collect()
            } else {
                stand_ins
            };
            give_way.into_iter().for_each(|i| edges.cut(i));
            continue;
        }
        let mut smallest = HashMap::new();
        for &(_, from, _) in &circular {
            let start = smallest.entry(component[from as usize]).or_insert(from);
            *start = from.min(*start);
        }
        let mut starts: Vec<u32> = smallest.into_values().collect();
        starts.sort_unstable();
        for start in starts {
            let cycle = shortest_through(start, edges, &component);
            let followers = cycle.iter().copied().cycle().skip(1);
            for (&from, to) in cycle.iter().zip(followers) {
                edges.cut_between(from, to);
            }
            cycles.push(cycle);
        }
    }
    cycles
}

/// The shortest way from `start` back to itself. There is one: it shares a component with a
/// successor.
fn shortest_through(start: u32, edges: &Edges, component: &[u32]) -> Vec<u32> {
    let mut came_from = HashMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(node) = next.pop_front() {
        for to in
            edges.successors(node).filter(|&to| component[to as usize] == component[start as usize])
        {
            if to == start {
                let mut cycle: Vec<u32> =
                    std::iter::successors(Some(node), |node| came_from.get(node).copied())
                        .collect();
                cycle.reverse();
                return cycle;
            }
            came_from.entry(to).or_insert_with(|| {
                next.push_back(to);
                node
            });
        }
    }
    vec![start]
}

/// The strongly connected component of each node (Tarjan, without recursion: plans may be deep).
fn components(edges: &Edges) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let nodes = edges.nodes();
    let successors: Vec<Vec<u32>> =
        (0..nodes as u32).map(|node| edges.successors(node).collect()).collect();
    let mut component = vec![NONE; nodes];
    let mut index = vec![NONE; nodes];
    let mut low = vec![0; nodes];
    let mut open = Vec::new();
    let mut count = 0;
    let mut found = 0;
    for root in 0..nodes as u32 {
        if index[root as usize] != NONE {
            continue;
        }
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let at = *node as usize;
            if *next == 0 {
                index[at] = count;
                low[at] = count;
                count += 1;
                open.push(*node);
            }
            if let Some(&to) = successors[at].get(*next) {
                *next += 1;
                if index[to as usize] == NONE {
                    path.push((to, 0));
                } else if component[to as usize] == NONE {
                    low[at] = low[at].min(index[to as usize]);
                }
                continue;
            }
            path.pop();
            if let Some((parent, _)) = path.last() {
                low[*parent as usize] = low[*parent as usize].min(low[at]);
            }
            if low[at] == index[at] {
                while let Some(member) = open.pop() {
                    component[member as usize] = found;
                    if member as usize == at {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}
