//! Growth, counted in edges and not in time.

use crate::{
    hook::Need,
    plan::{HookSpec, Plan},
};

use super::support::*;

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
    for count in [1_000, 10_000, 100_000] {
        let plan = plan((0..count).map(|n| spec(n, count))).without::<A>();
        plan.check().unwrap();
        assert!(edges(&plan) <= per_hook * count, "{count} hooks have {} edges", edges(&plan));
        assert!(plan.worst_case() >= seconds(5));
        assert!(!plan.critical_path().is_empty());
        plan.fits(std::time::Duration::MAX).unwrap();
    }
}

#[test]
fn orders() {
    grows_linearly(2, |n, count| numbered(n).order((n * 10 / count) as i32));
}

#[test]
fn an_order_for_each_hook() {
    grows_linearly(2, |n, _| numbered(n).order(n as i32));
}

#[test]
fn one_taker_and_many_borrowers() {
    grows_linearly(1, |n, _| {
        numbered(n).needs([if n == 0 { Need::take::<R<0>>() } else { Need::borrow::<R<0>>() }])
    });
}

#[test]
fn a_chain() {
    grows_linearly(1, |n, _| if n == 0 { numbered(n) } else { numbered(n).after([numbered(n - 1).id]) });
}

#[test]
fn many_before_and_many_after_a_hook_that_was_left_out() {
    grows_linearly(1, |n, _| match n {
        0 => hook::<A>(),
        n if n % 2 == 0 => numbered(n).before([id::<A>()]),
        n => numbered(n).after([id::<A>()]),
    });
}
