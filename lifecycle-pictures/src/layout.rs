//! Where the boxes of a graph go. The layers are those of the plan: a hook stands right behind the last one
//! that it waits for. Who stands beside whom in a layer, and where, `rust-sugiyama` finds.

use rust_sugiyama::configure::{Config, CrossingMinimization, RankingType};

/// Between boxes of one layer, and between things that have no edge to each other.
pub(super) const SPACE: f64 = 16.0;
/// Between boxes of one layer that stand one below the other.
const SPACE_BELOW: f64 = 10.0;
/// Between layers, where few edges pass.
const GAP: f64 = 30.0;
/// What an edge needs that passes a layer.
const LANE: f64 = 6.0;
/// A graph whose edges pass more layers than this in all has them drawn straight: too many to follow anyhow.
const LANES: usize = 4_000;

/// Boxes of one size, by their upper left corners, and the ways of the edges between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) boxes: Vec<[f64; 2]>,
    pub(super) routes: Vec<Route>,
}

/// How an edge runs from box to box.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) from: usize,
    pub(super) to: usize,
    /// From the first point straight to the second, from there in a curve to the third, and so on.
    pub(super) points: Vec<[f64; 2]>,
    /// Whether it leaves and enters boxes at their sides.
    pub(super) is_sideways: bool,
}

/// Boxes `0..count` of `size`, in layers along `edges`: downwards, or to the right where that is too wide for
/// `most`. Edges of a cycle that lead backwards are left out.
pub(super) fn layered(count: usize, edges: &[(usize, usize)], size: [f64; 2], most: f64) -> Block {
    let down = Layers::new(count, edges).place(size, SPACE);
    if down.width <= most {
        return down;
    }
    let right = Layers::new(count, edges).place([size[1], size[0]], SPACE_BELOW).turned();
    if right.width < down.width { right } else { down }
}

struct Layers {
    layer: Vec<usize>,
    /// Those that lead to a greater layer.
    edges: Vec<(usize, usize)>,
}

impl Layers {
    fn new(count: usize, edges: &[(usize, usize)]) -> Self {
        let mut next: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut waits = vec![0; count];
        for &(from, to) in edges {
            next[from].push(to);
            waits[to] += 1;
        }
        let mut layer = vec![0; count];
        let mut free: Vec<usize> = (0..count).filter(|&node| waits[node] == 0).collect();
        while let Some(node) = free.pop() {
            for &to in &next[node] {
                layer[to] = layer[to].max(layer[node] + 1);
                waits[to] -= 1;
                if waits[to] == 0 {
                    free.push(to);
                }
            }
        }
        let edges = edges.iter().copied().filter(|&(from, to)| layer[from] < layer[to]).collect();
        Self { layer, edges }
    }

    /// Layers from top to bottom, boxes as wide as `size[0]` and as high as `size[1]`, with `space` between
    /// those of one layer.
    fn place(&self, size: [f64; 2], space: f64) -> Block {
        let count = self.layer.len();
        let passed: usize =
            self.edges.iter().map(|&(from, to)| self.layer[to] - self.layer[from] - 1).sum();
        let mut points: Vec<(u32, (f64, f64))> =
            (0..count).map(|node| (node as u32, (size[0], 1.0))).collect();
        let mut steps = Vec::new();
        let mut ways: Vec<Vec<usize>> = Vec::new();
        for &(from, to) in &self.edges {
            let mut way = vec![from];
            let lanes = if passed <= LANES { self.layer[to] - self.layer[from] - 1 } else { 0 };
            for _ in 0..lanes {
                way.push(points.len());
                points.push((points.len() as u32, (LANE, 1.0)));
            }
            way.push(to);
            // An edge that is drawn straight through layers has no say in who stands where.
            if lanes + 1 == self.layer[to] - self.layer[from] {
                steps.extend(way.windows(2).map(|pair| (pair[0] as u32, pair[1] as u32)));
            }
            ways.push(way);
        }
        let centres = centres(&points, &steps, space);
        let tops = self.tops(size[1]);
        let routes =
            ways.into_iter().map(|way| self.route(&way, &centres, &tops, size[1])).collect();
        let left = |node: usize| centres[node] - size[0] / 2.0;
        Block {
            width: (0..points.len())
                .map(|at| centres[at] + points[at].1.0 / 2.0)
                .fold(0.0, f64::max)
                .ceil(),
            height: tops.last().map_or(0.0, |top| top + size[1]),
            boxes: (0..count).map(|node| [left(node), tops[self.layer[node]]]).collect(),
            routes,
        }
    }

    /// Where each layer begins. Where many edges pass between two, there is more room between them.
    fn tops(&self, height: f64) -> Vec<f64> {
        let layers = self.layer.iter().max().map_or(0, |last| last + 1);
        let mut crowd = vec![0; layers];
        for &(from, to) in &self.edges {
            crowd[self.layer[from]..self.layer[to]].iter_mut().for_each(|count| *count += 1);
        }
        let mut top = 0.0;
        let place = |count: &i32| {
            let here = top;
            top += height + GAP + (f64::from(*count) * 1.5).min(2.0 * GAP).floor();
            here
        };
        crowd.iter().map(place).collect()
    }

    fn route(&self, way: &[usize], centres: &[f64], tops: &[f64], height: f64) -> Route {
        let (from, to) = (way[0], way[way.len() - 1]);
        let mut points = Vec::with_capacity(2 * way.len());
        for (step, &at) in way[..way.len() - 1].iter().enumerate() {
            let top = tops[self.layer[from] + step];
            let begin = if step == 0 { top + height } else { top };
            points.extend([[centres[at], begin], [centres[at], top + height]]);
        }
        points.push([centres[to], tops[self.layer[to]]]);
        Route { from, to, points, is_sideways: false }
    }
}

impl Block {
    /// With both axes exchanged.
    fn turned(self) -> Self {
        let turn = |[x, y]: [f64; 2]| [y, x];
        let turn_route = |route: Route| Route {
            points: route.points.into_iter().map(turn).collect(),
            is_sideways: !route.is_sideways,
            ..route
        };
        Self {
            width: self.height,
            height: self.width,
            boxes: self.boxes.into_iter().map(turn).collect(),
            routes: self.routes.into_iter().map(turn_route).collect(),
        }
    }
}

/// The middle of each point on the way across, so that points of one layer do not touch. Every step leads to
/// the next layer.
fn centres(points: &[(u32, (f64, f64))], steps: &[(u32, u32)], space: f64) -> Vec<f64> {
    let config = Config {
        minimum_length: 1,
        vertex_spacing: space,
        dummy_vertices: true,
        dummy_size: 1.0,
        ranking_type: RankingType::Up,
        c_minimization: CrossingMinimization::Barycenter,
        // Takes a second for some thousand edges, in which nobody follows a single one.
        transpose: steps.len() < 400,
    };
    let mut centres = vec![0.0; points.len()];
    let mut begin = 0.0;
    for (layout, ..) in rust_sugiyama::from_vertices_and_edges(points, steps, &config) {
        let half = |at: usize| points[at].1.0 / 2.0;
        let left = layout.iter().map(|&(at, (x, _))| x - half(at)).fold(f64::INFINITY, f64::min);
        let right =
            layout.iter().map(|&(at, (x, _))| x + half(at)).fold(f64::NEG_INFINITY, f64::max);
        layout.iter().for_each(|&(at, (x, _))| centres[at] = (begin + x - left).round());
        begin += (right - left).ceil() + space;
    }
    centres
}
