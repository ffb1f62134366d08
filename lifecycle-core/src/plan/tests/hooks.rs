use std::{sync::Arc, time::Duration};

use crate::{
    ShutdownContext,
    declare::hook::Need,
    plan::{Graph, HookId, Plan},
};

use super::support::*;

#[test]
fn without_edges_hooks_are_parallel_and_sorted_by_name_and_marked() {
    let plan = plan([hook::<C>(), hook::<A>(), hook::<B>()]);
    assert_eq!(names(&plan), ["a", "b", "c"]);
    assert!(plan.hooks().iter().all(|hook| hook.is_unordered() && hook.order() == 0));
    assert_eq!(plan.graph().predecessors, [0, 0, 0]);
    assert_eq!(plan.worst_case(), seconds(5));
}

#[test]
fn a_hook_alone_in_its_order_is_not_marked() {
    let plan =
        plan([hook::<A>().order(1), hook::<B>(), hook::<C>().after([id::<B>()]), hook::<D>()]);
    let marked: Vec<_> =
        plan.hooks().iter().filter(|hook| hook.is_unordered()).map(|hook| hook.name()).collect();
    assert_eq!(marked, ["d"]);
}

#[test]
fn an_edge_comes_before_the_name() {
    let plan = plan([hook::<A>().after([id::<C>()]), hook::<B>().before([id::<C>()]), hook::<C>()]);
    assert_eq!(names(&plan), ["b", "c", "a"]);
    assert!(plan.runs_before::<B, A>() && plan.runs_before::<B, C>() && plan.runs_before::<C, A>());
    assert!(
        !plan.runs_before::<A, B>() && !plan.runs_before::<A, A>() && !plan.runs_before::<A, D>()
    );
}

#[test]
fn a_smaller_order_ends_before_a_larger_one_starts() {
    let plan = plan([
        hook::<A>().order(7).timeout(1),
        hook::<B>().order(7).timeout(4),
        hook::<C>().order(-7).timeout(2),
        hook::<D>().order(-7).timeout(3),
    ]);
    assert_eq!(names(&plan), ["c", "d", "a", "b"]);
    let Graph { successors, predecessors, tail, .. } = plan.graph();
    assert_eq!(successors.as_slice(), [vec![4], vec![4], vec![], vec![], vec![2, 3]]);
    assert_eq!(predecessors.as_slice(), [0, 0, 1, 1, 2]);
    assert_eq!(tail.as_slice(), [6, 7, 1, 4, 4].map(seconds));
    assert!(
        plan.runs_before::<C, A>() && plan.runs_before::<D, B>() && !plan.runs_before::<A, B>()
    );
    assert_eq!(plan.critical_path().iter().map(|hook| hook.name()).collect::<Vec<_>>(), ["d", "b"]);
    assert_eq!(plan.worst_case(), seconds(7));
}

#[test]
fn who_takes_runs_after_who_borrows() {
    let plan = plan([
        hook::<A>().needs([Need::take::<R<0>>()]),
        hook::<B>().needs([Need::borrow::<R<0>>()]),
        hook::<C>().needs([Need::borrow_optional::<R<0>>()]),
        hook::<D>().needs([Need::borrow::<R<1>>()]),
    ]);
    assert_eq!(names(&plan), ["b", "c", "a", "d"]);
    assert!(
        plan.runs_before::<B, A>() && plan.runs_before::<C, A>() && !plan.runs_before::<B, C>()
    );
    assert!(!plan.runs_before::<D, A>() && plan.hooks()[3].is_unordered());
}

#[test]
fn who_takes_the_arc_runs_after_who_borrows_what_is_in_it() {
    let plan = plan([
        hook::<A>().needs([Need::take_optional::<Arc<R<0>>>()]),
        hook::<B>().needs([Need::borrow::<R<0>>()]),
        hook::<C>().needs([Need::borrow::<Arc<R<0>>>()]),
        hook::<D>().needs([Need::take::<R<0>>()]),
    ]);
    assert!(plan.runs_before::<B, A>() && plan.runs_before::<C, A>() && plan.runs_before::<B, D>());
    assert!(
        !plan.runs_before::<D, A>() && !plan.runs_before::<A, D>() && !plan.runs_before::<C, D>()
    );
}

#[test]
fn uses_counts_as_borrowing_at_any_depth_and_through_an_arc() {
    let specs = || {
        vec![
            hook::<A>().needs([Need::take::<R<0>>()]),
            hook::<B>().needs([Need::borrow::<R<2>>()]),
            hook::<C>().needs([Need::take::<R<1>>()]),
            hook::<D>().needs([Need::borrow::<R<3>>()]),
        ]
    };
    let without = plan(specs());
    assert!(!without.runs_before::<B, A>() && !without.runs_before::<C, A>());
    let with = without.with_uses(vec![
        uses::<R<2>, R<1>>(1),
        uses::<Arc<R<1>>, R<9>>(2),
        uses::<R<1>, R<0>>(3),
    ]);
    with.check().unwrap();
    assert!(with.runs_before::<B, C>() && with.runs_before::<C, A>() && with.runs_before::<B, A>());
    assert!(!with.runs_before::<D, A>());

    let through_arc =
        plan(specs()).with_uses(vec![uses::<R<3>, R<5>>(1), uses::<Arc<R<5>>, R<0>>(2)]);
    assert!(through_arc.runs_before::<D, A>());
}

#[test]
fn the_context_is_no_resource() {
    let plan = plan([
        hook::<A>().needs([Need::borrow::<ShutdownContext>(), Need::borrow::<R<0>>()]),
        hook::<B>().needs([Need::borrow::<ShutdownContext>()]),
    ]);
    assert_eq!(plan.hooks()[0].borrows().count(), 1);
    assert_eq!(plan.hooks()[1].needs().len(), 0);
}

#[test]
fn resources_are_shown_by_name() {
    let plan = plan([hook::<A>().needs([Need::borrow::<u8>(), Need::take::<String>()])]);
    let hook = &plan.hooks()[0];
    assert_eq!(hook.borrows().collect::<Vec<_>>(), ["u8"]);
    assert_eq!(hook.takes().collect::<Vec<_>>(), ["alloc::string::String"]);
}

#[test]
fn an_edge_to_a_hook_that_is_not_there_orders_those_around_it() {
    let plan = plan([hook::<A>().after([id::<C>()]), hook::<B>().before([id::<C>()])]);
    assert_eq!(names(&plan), ["b", "a"]);
    assert!(plan.runs_before::<B, A>() && !plan.hooks()[0].is_unordered());
    plan.check().unwrap();
}

#[test]
fn an_edge_to_a_hook_that_is_not_there_alone_orders_nothing() {
    let plan = plan([hook::<A>().before([id::<D>()]), hook::<B>().after([id::<E>()]), hook::<C>()]);
    assert!(plan.hooks().iter().all(|hook| hook.is_unordered()));
    assert_eq!(plan.graph().successors.len(), 3);
}

#[test]
fn two_reasons_for_an_edge_are_one_edge() {
    let plan = plan([hook::<A>().before([id::<B>()]), hook::<B>().after([id::<A>()])]);
    assert_eq!(plan.graph().predecessors, [0, 1]);
    assert_eq!(plan.graph().successors, [vec![1], vec![]]);
}

#[test]
fn equal_default_names_get_their_place_and_registered_ones_are_numbered() {
    let twin = |n: u64, line: u32| {
        let mut spec = hook::<A>();
        spec.id = HookId::Registered(n);
        spec.location = crate::SourceLocation::new("src/conn.rs", line);
        spec.name("conn")
    };
    let (mut a, mut b) = (hook::<A>(), hook::<B>());
    (a.name, b.name) = ("x::same".into(), "x::same".into());
    let all = plan([twin(9, 1), a, twin(8, 2), b, twin(10, 3), hook::<C>()]);
    assert_eq!(
        names(&all),
        ["c", "conn#2", "conn", "conn#3", "x::same@src/hooks.rs:1", "x::same@src/hooks.rs:2"]
    );
    all.check().unwrap();

    let beside_a_declared_one = plan([twin(1, 1), hook::<D>().name("conn")]);
    assert_eq!(names(&beside_a_declared_one), ["conn#2", "conn"]);
    beside_a_declared_one.check().unwrap();
}

#[test]
fn the_second_step_counts() {
    let mut spec = hook::<A>().timeout(2);
    spec.fallback_timeout = seconds(3);
    let plan = plan([spec, hook::<B>().after([id::<A>()]).timeout(1)]);
    assert_eq!(plan.worst_case(), seconds(6));
    assert_eq!(plan.hooks()[0].timeout(), seconds(2));
}

#[test]
fn endless_timeouts_do_not_overflow() {
    let endless = |n: usize| {
        let mut spec = numbered(n);
        spec.timeout = Some(Duration::MAX);
        spec.fallback_timeout = Duration::MAX;
        spec.order(n as i32)
    };
    assert_eq!(plan([endless(0), endless(1)]).worst_case(), Duration::MAX);
}

#[test]
fn no_hooks_are_a_plan() {
    let plan = Plan::build(Vec::new(), Vec::new(), Vec::new());
    plan.check().unwrap();
    assert_eq!(plan.worst_case(), Duration::ZERO);
    assert!(
        plan.hooks().is_empty()
            && plan.critical_path().is_empty()
            && plan.graph().successors.is_empty()
    );
}

#[test]
fn what_a_hook_uses_counts_as_borrowed_and_is_not_asked_for() {
    let mut flush = hook::<A>().needs([Need::borrow::<R<0>>()]);
    flush.uses = vec![Need::borrow::<R<1>>()];
    let plan = plan([hook::<B>().needs([Need::take::<R<1>>()]), flush]);
    assert!(plan.runs_before::<A, B>());
    assert_eq!(plan.hooks()[0].borrows().count(), 1);
    assert!(plan.hooks()[0].needs().iter().all(|need| need.id != Need::borrow::<R<1>>().id));
}
