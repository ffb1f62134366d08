//! Growth, counted in edges and not in time; and, when asked, in time.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use crate::{
    declare::hook::Need,
    plan::{HookSpec, Plan},
};

use super::support::*;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// Hook `n` of so many.
type Shape = fn(usize, usize) -> HookSpec;

fn chain(n: usize, _: usize) -> HookSpec {
    if n == 0 { numbered(n) } else { numbered(n).after([numbered(n - 1).id]) }
}

fn fan_in(n: usize, _: usize) -> HookSpec {
    numbered(n).needs([if n == 0 { Need::take::<R<0>>() } else { Need::borrow::<R<0>>() }])
}

fn ten_orders(n: usize, count: usize) -> HookSpec {
    numbered(n).order((n * 10 / count) as i32)
}

fn an_order_each(n: usize, _: usize) -> HookSpec {
    numbered(n).order(n as i32)
}

/// Each after three that stand anywhere before it.
fn random_sparse(n: usize, _: usize) -> HookSpec {
    let before = |k: usize| (n + k).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    numbered(n).after((0..3 * usize::from(n > 0)).map(|k| numbered(before(k) % n).id))
}

/// Layers of a hundred, each hook after three of the layer before its own.
fn layers(n: usize, _: usize) -> HookSpec {
    let before = |k: usize| numbered((n / 100 - 1) * 100 + (n + 33 * k) % 100).id;
    numbered(n).after((0..3 * usize::from(n >= 100)).map(before))
}

const SHAPES: [(&str, Shape); 6] = [
    ("a chain", chain),
    ("one taker, all others borrow", fan_in),
    ("ten orders", ten_orders),
    ("an order for each", an_order_each),
    ("after three at random", random_sparse),
    ("layers of a hundred", layers),
];

/// How many edges the graph has in all.
fn edges(plan: &Plan) -> usize {
    let graph = plan.graph();
    let edges = graph.successors.iter().map(Vec::len).sum();
    assert_eq!(edges, graph.predecessors.iter().map(|count| *count as usize).sum::<usize>());
    edges
}

/// Builds a plan of each size, asks it everything, and expects at most `per_hook` edges for each.
#[track_caller]
fn grows_linearly(per_hook: usize, spec: impl Fn(usize, usize) -> HookSpec) {
    for count in SIZES {
        let plan = plan((0..count).map(|n| spec(n, count))).without::<A>();
        plan.check().unwrap();
        assert!(edges(&plan) <= per_hook * count, "{count} hooks have {} edges", edges(&plan));
        assert!(plan.worst_case() >= seconds(5));
        assert!(!plan.critical_path().is_empty());
        plan.fits(Duration::MAX).unwrap();
    }
}

#[test]
fn orders() {
    grows_linearly(2, ten_orders);
}

#[test]
fn an_order_for_each_hook() {
    grows_linearly(2, an_order_each);
}

#[test]
fn one_taker_and_many_borrowers() {
    grows_linearly(1, fan_in);
}

#[test]
fn a_chain() {
    grows_linearly(1, chain);
}

#[test]
fn edges_to_anywhere() {
    grows_linearly(3, random_sparse);
}

#[test]
fn many_layers() {
    grows_linearly(3, layers);
}

#[test]
fn many_before_and_many_after_a_hook_that_was_left_out() {
    grows_linearly(1, |n, _| match n {
        0 => hook::<A>(),
        n if n % 2 == 0 => numbered(n).before([id::<A>()]),
        n => numbered(n).after([id::<A>()]),
    });
}

/// Prints the table of docs/plan.md.
#[test]
#[ignore = "it measures time: run it alone, in release, with --nocapture"]
fn figures() {
    const ROUNDS: u32 = 5;
    println!(
        "| shape | hooks | edges a hook | build | check | worst case | critical path | all, a hook |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for (name, shape) in SHAPES {
        for count in SIZES {
            let mut best = [Duration::MAX; 4];
            let mut edges_per_hook = 0.0;
            for _ in 0..ROUNDS {
                let specs: Vec<_> = (0..count).map(|n| shape(n, count)).collect();
                let began = Instant::now();
                let plan = Plan::build(specs, Vec::new(), Vec::new());
                let built = began.elapsed();
                plan.check().unwrap();
                let checked = began.elapsed();
                black_box(plan.worst_case());
                let worst_case = began.elapsed();
                black_box(plan.critical_path().len());
                let path = began.elapsed();
                let taken = [built, checked - built, worst_case - checked, path - worst_case];
                best.iter_mut().zip(taken).for_each(|(best, taken)| *best = taken.min(*best));
                edges_per_hook = edges(&plan) as f64 / count as f64;
            }
            let [build, check, worst_case, path] = best;
            let each = best.iter().sum::<Duration>().as_nanos() / count as u128;
            println!(
                "| {name} | {count} | {edges_per_hook:.2} | {build:.1?} | {check:.1?} | {worst_case:.1?} | {path:.1?} | \
                 {each} ns |"
            );
        }
    }
}
