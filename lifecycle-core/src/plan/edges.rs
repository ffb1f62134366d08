//! Who runs before whom, and why.

use crate::SourceLocation;

use crate::declare::Uses;

/// `from` ends before `to` starts.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) why: Why,
}

/// Why an edge exists.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// `after = [..]` stands at the later hook.
    After,
    /// `before = [..]` stands at the earlier hook.
    Before,
    /// The application called `Plan::edge` there.
    Edge(SourceLocation),
    /// The later hook takes what the earlier one uses.
    Owns(Box<Owns>),
}

/// How an earlier hook comes to use what a later one takes.
#[derive(Clone, Debug)]
pub(super) struct Owns {
    pub(super) taken: &'static str,
    /// What the earlier hook asks for: `taken` itself, or the first of `through`.
    pub(super) used: &'static str,
    pub(super) used_is_taken: bool,
    /// From `used` to `taken`.
    pub(super) through: Vec<Uses>,
}

impl Why {
    const fn rank(&self) -> u8 {
        match self {
            Self::After => 0,
            Self::Before => 1,
            Self::Edge(_) => 2,
            Self::Owns(_) => 3,
        }
    }
}

/// The edges among nodes `0..n`, found from either end; some of them cut.
#[derive(Debug)]
pub(super) struct Edges {
    list: Vec<Edge>,
    cut: Vec<bool>,
    /// The edges out of node `i` are `list[out[i]..out[i + 1]]`.
    out: Vec<u32>,
    /// Indices into `list`, by `to`; those into node `i` are `into[starts[i]..starts[i + 1]]`.
    into: Vec<u32>,
    into_starts: Vec<u32>,
}

impl Edges {
    pub(super) fn new(nodes: usize, mut list: Vec<Edge>) -> Self {
        list.sort_by_key(|edge| (edge.from, edge.to, edge.why.rank()));
        let mut into: Vec<u32> = (0..list.len() as u32).collect();
        into.sort_by_key(|&edge| list[edge as usize].to);
        let out = starts(nodes, list.iter().map(|edge| edge.from));
        let into_starts = starts(nodes, into.iter().map(|&edge| list[edge as usize].to));
        Self { cut: vec![false; list.len()], list, out, into, into_starts }
    }

    pub(super) fn nodes(&self) -> usize {
        self.out.len() - 1
    }

    /// The edges that count, with their indices.
    pub(super) fn standing(&self) -> impl Iterator<Item = (usize, &Edge)> {
        self.list.iter().enumerate().filter(|&(i, _)| !self.cut[i])
    }

    pub(super) fn successors(&self, node: u32) -> impl Iterator<Item = u32> {
        let (start, end) = (self.out[node as usize] as usize, self.out[node as usize + 1] as usize);
        (start..end).filter(|&i| !self.cut[i]).map(|i| self.list[i].to)
    }

    pub(super) fn predecessors(&self, node: u32) -> impl Iterator<Item = u32> {
        let (start, end) = (
            self.into_starts[node as usize] as usize,
            self.into_starts[node as usize + 1] as usize,
        );
        self.into[start..end]
            .iter()
            .filter(|&&i| !self.cut[i as usize])
            .map(|&i| self.list[i as usize].from)
    }

    pub(super) fn cut(&mut self, edge: usize) {
        self.cut[edge] = true;
    }

    /// Cuts whatever leads from `from` to `to`.
    pub(super) fn cut_between(&mut self, from: u32, to: u32) {
        let (start, end) = (self.out[from as usize] as usize, self.out[from as usize + 1] as usize);
        for i in start..end {
            self.cut[i] |= self.list[i].to == to;
        }
    }

    /// Cuts whatever leads to or from `node`.
    pub(super) fn cut_around(&mut self, node: u32) {
        for i in 0..self.list.len() {
            self.cut[i] |= self.list[i].from == node || self.list[i].to == node;
        }
    }

    /// Every reason why `from` runs before `to`, also of edges that were cut.
    pub(super) fn reasons(&self, from: u32, to: u32) -> impl Iterator<Item = &Why> {
        let (start, end) = (self.out[from as usize] as usize, self.out[from as usize + 1] as usize);
        self.list[start..end].iter().filter(move |edge| edge.to == to).map(|edge| &edge.why)
    }

    /// The nodes so that every standing edge leads forward. Nodes on or behind a cycle are left
    /// out.
    pub(super) fn topological(&self) -> Vec<u32> {
        let mut waiting: Vec<usize> =
            (0..self.nodes() as u32).map(|node| self.predecessors(node).count()).collect();
        let mut sequence: Vec<u32> =
            (0..self.nodes() as u32).filter(|&node| waiting[node as usize] == 0).collect();
        let mut next = 0;
        while let Some(&node) = sequence.get(next) {
            next += 1;
            for to in self.successors(node) {
                waiting[to as usize] -= 1;
                if waiting[to as usize] == 0 {
                    sequence.push(to);
                }
            }
        }
        sequence
    }
}

/// Where each node's share of a list begins that is sorted by `owners`.
fn starts(nodes: usize, owners: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut starts = vec![0; nodes + 1];
    for owner in owners {
        starts[owner as usize + 1] += 1;
    }
    for i in 0..nodes {
        starts[i + 1] += starts[i];
    }
    starts
}
