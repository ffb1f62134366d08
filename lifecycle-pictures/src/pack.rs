//! Graphs that have nothing to do with each other, packed into rows.

use super::layout::{Block, Route, SPACE, layered};

/// Boxes `0..count` of `size`, connected by `edges`: each connected part laid out by itself, the parts one
/// beside the other in rows of at most `most`, boxes without an edge last.
pub(super) fn packed(count: usize, edges: &[(usize, usize)], size: [f64; 2], most: f64) -> Block {
    let mut parts = parts(count, edges);
    // Stable: equal parts stay in the order of their first boxes.
    parts.sort_by_key(|part| std::cmp::Reverse(part.members.len() > 1));
    let blocks: Vec<Block> =
        parts.iter().map(|part| layered(part.members.len(), &part.edges, size, most)).collect();
    let most = blocks.iter().map(|block| block.width).fold(most, f64::max);
    let mut all = Block { boxes: vec![[0.0; 2]; count], ..Block::default() };
    let (mut x, mut y) = (0.0, 0.0);
    for (part, block) in parts.iter().zip(blocks) {
        if x > 0.0 && x + block.width > most {
            (x, y) = (0.0, all.height + SPACE);
        }
        let moved = |[left, top]: [f64; 2]| [left + x, top + y];
        part.members.iter().zip(&block.boxes).for_each(|(&node, &at)| all.boxes[node] = moved(at));
        all.routes.extend(block.routes.into_iter().map(|route| Route {
            from: part.members[route.from],
            to: part.members[route.to],
            points: route.points.into_iter().map(moved).collect(),
            ..route
        }));
        all.width = all.width.max(x + block.width);
        all.height = all.height.max(y + block.height);
        x += block.width + SPACE;
    }
    all
}

/// What hangs together.
struct Fault {
    members: Vec<usize>,
    /// By their places among the members.
    edges: Vec<(usize, usize)>,
}

/// The connected parts, by their first members.
fn parts(count: usize, edges: &[(usize, usize)]) -> Vec<Fault> {
    let mut beside: Vec<Vec<usize>> = vec![Vec::new(); count];
    for &(from, to) in edges {
        beside[from].push(to);
        beside[to].push(from);
    }
    let mut fault_of = vec![usize::MAX; count];
    let mut found = 0;
    for first in 0..count {
        if fault_of[first] != usize::MAX {
            continue;
        }
        let mut next = vec![first];
        while let Some(node) = next.pop() {
            if fault_of[node] == usize::MAX {
                fault_of[node] = found;
                next.extend(&beside[node]);
            }
        }
        found += 1;
    }
    let mut parts: Vec<Fault> =
        (0..found).map(|_| Fault { members: Vec::new(), edges: Vec::new() }).collect();
    let mut place = vec![0; count];
    for node in 0..count {
        let members = &mut parts[fault_of[node]].members;
        place[node] = members.len();
        members.push(node);
    }
    for &(from, to) in edges {
        parts[fault_of[from]].edges.push((place[from], place[to]));
    }
    parts
}
