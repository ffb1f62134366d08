use crate::{SourceLocation, declare::hook::Need, plan::Plan};

use super::support::*;

fn four() -> Plan {
    plan([hook::<A>().timeout(1), hook::<B>().timeout(2), hook::<C>(), hook::<D>().timeout(4)])
}

#[test]
fn only_and_without_choose() {
    assert_eq!(names(&four().only::<(C, A)>()), ["a", "c"]);
    assert_eq!(names(&four().only::<B>()), ["b"]);
    assert_eq!(names(&four().only::<()>()), [""; 0]);
    assert_eq!(names(&four().without::<C>().without::<D>()), ["a", "b"]);
    assert_eq!(names(&four().only::<(A, B)>().only::<(B, C)>()), ["b"]);
    assert_eq!(names(&plan([hook::<A>()]).only::<(A, B)>().without::<C>()), ["a"]);
}

#[test]
fn timeout_replaces_what_was_declared_and_the_default_does_not() {
    let plan = four().timeout::<A>(seconds(9)).with_default_timeout(seconds(7));
    let timeouts: Vec<_> = plan.hooks().iter().map(|hook| hook.timeout()).collect();
    assert_eq!(timeouts, [9, 2, 7, 4].map(seconds));

    let mut plan = four();
    assert_eq!(plan.worst_case(), seconds(5));
    plan.set_timeout(id::<C>(), seconds(8));
    assert_eq!(plan.worst_case(), seconds(8));
}

#[test]
fn order_repairs_what_a_library_declared() {
    let broken = plan([hook::<A>().order(20), hook::<B>().order(10).after([id::<A>()])]);
    broken.check().unwrap_err();
    let repaired = broken.order::<B>(20);
    repaired.check().unwrap();
    assert!(repaired.runs_before::<A, B>());
}

#[test]
fn an_added_edge_orders_and_is_named_with_its_place_when_it_contradicts() {
    let plan = four().edge::<D, A>();
    assert!(plan.runs_before::<D, A>());
    let line = line!() + 1;
    let broken = plan.edge::<A, D>();
    let place = SourceLocation::new(file!(), line);
    let text = problems(&broken);
    assert!(
        text.contains(&format!(
            "`a` (src/hooks.rs:1) runs before `d` (src/hooks.rs:4): `Plan::edge` says so at {place}"
        )),
        "{text}"
    );
}

#[test]
fn sequential_runs_one_after_the_other_in_the_same_order() {
    let parallel = four().edge::<D, A>();
    let sequential = parallel.clone().sequential();
    assert_eq!(names(&sequential), names(&parallel));
    assert_eq!(names(&sequential), ["b", "c", "d", "a"]);
    assert_eq!(parallel.worst_case(), seconds(5));
    assert_eq!(sequential.worst_case(), seconds(12));
    assert_eq!(sequential.critical_path().len(), 4);
    assert!(sequential.runs_before::<B, C>() && !sequential.runs_before::<C, B>());
    assert!(!sequential.hooks().iter().any(|hook| hook.is_unordered()));
    assert_eq!(sequential.graph().predecessors, [0, 1, 1, 1]);
}

#[test]
fn what_came_at_run_time_joins() {
    let plan = plan([
        hook::<A>().needs([Need::take::<R<0>>()]),
        hook::<B>().needs([Need::borrow::<R<1>>()]),
    ]);
    assert!(!plan.runs_before::<B, A>());
    let plan = plan
        .with_uses(vec![uses::<R<1>, R<0>>(3)])
        .with_hooks(vec![numbered(7).after([id::<A>()])]);
    assert_eq!(names(&plan), ["b", "a", "hook07"]);
    let replaced = plan.with_hooks(vec![numbered(7).before([id::<B>()])]);
    assert_eq!(names(&replaced), ["hook07", "b", "a"]);
    let back = replaced.without::<A>().with_hooks(vec![hook::<A>().order(-1)]);
    assert_eq!(names(&back), ["a", "hook07", "b"]);
}

#[test]
fn edges_through_a_hook_that_is_not_there_still_order() {
    assert!(!four().edge::<D, E>().runs_before::<D, A>());
    let through = four().edge::<D, E>().edge::<E, A>();
    assert!(through.runs_before::<D, A>() && names(&through) == ["b", "c", "d", "a"]);
}
