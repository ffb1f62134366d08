use crate::plan::Plan;

use super::support::*;

fn orders(plan: &Plan) -> Vec<(&str, i32)> {
    plan.hooks().iter().map(|hook| (hook.name(), hook.order())).collect()
}

#[test]
fn a_hook_without_an_order_follows_a_written_one() {
    let plan = plan([hook::<A>().order(10), hook::<B>().after([id::<A>()]), hook::<C>()]);
    assert_eq!(orders(&plan), [("c", 0), ("a", 10), ("b", 10)]);
    plan.check().unwrap();
}

#[test]
fn it_precedes_a_written_one_through_a_chain() {
    let plan = plan([
        hook::<A>().order(-10),
        hook::<B>().before([id::<A>()]),
        hook::<C>().before([id::<B>()]),
        hook::<D>().after([id::<A>()]),
    ]);
    assert_eq!(orders(&plan), [("c", -10), ("b", -10), ("a", -10), ("d", 0)]);
}

#[test]
fn between_two_it_moves_as_little_as_it_must() {
    let between = |low, high| {
        let plan = plan([
            hook::<A>().order(low),
            hook::<B>().order(high),
            hook::<C>().after([id::<A>()]).before([id::<B>()]),
        ]);
        plan.check().unwrap();
        plan.hooks().iter().find(|hook| hook.name() == "c").unwrap().order()
    };
    assert_eq!(between(-3, 4), 0);
    assert_eq!(between(2, 4), 2);
    assert_eq!(between(-4, -2), -2);
    assert_eq!(between(i32::MIN, i32::MAX), 0);
    assert_eq!(between(3, 3), 3);
}

#[test]
fn two_written_orders_contradict_an_edge() {
    let plan = plan([hook::<A>().order(20), hook::<B>().order(10).after([id::<A>()])]);
    let error = plan.check().unwrap_err();
    assert!(error.is_order_contradiction() && !error.is_cycle());
    assert_eq!(
        error.to_string(),
        "the shutdown plan is invalid: an edge runs against two written orders: `a` (src/hooks.rs:1) has order 20, \
         `b` (src/hooks.rs:2) has order 10 and so ends before that, yet\n   \
         - `a` (src/hooks.rs:1) runs before `b` (src/hooks.rs:2): `b` says `after` at src/hooks.rs:2\n   \
         change or remove one of the two orders (`Plan::order` does that for a library's hook), or an edge"
    );
    assert!(!plan.runs_before::<A, B>() && !plan.runs_before::<B, A>());
}

#[test]
fn a_chain_of_hooks_without_orders_carries_the_contradiction() {
    let plan = plan([
        hook::<A>().order(1),
        hook::<B>().after([id::<A>()]),
        hook::<C>().after([id::<B>()]),
        hook::<D>().order(0).after([id::<C>()]),
    ]);
    let error = plan.check().unwrap_err();
    assert_eq!(error.problems().len(), 1);
    assert_eq!(error.problems()[0].hooks().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
}

#[test]
fn each_contradiction_is_told() {
    let plan = plan([
        hook::<A>().order(3),
        hook::<B>().order(2).before([id::<C>()]),
        hook::<C>().after([id::<A>()]),
        hook::<D>().order(1).after([id::<C>(), id::<A>()]),
    ]);
    let error = plan.check().unwrap_err();
    let chains: Vec<Vec<_>> =
        error.problems().iter().map(|problem| problem.hooks().collect()).collect();
    assert_eq!(chains, [vec!["a", "d"], vec!["b", "c", "d"]]);
}

#[test]
fn what_stands_behind_a_contradiction_is_not_told_of() {
    let plan = plan([
        hook::<A>().order(5),
        hook::<B>().order(3).after([id::<A>()]),
        hook::<C>().order(3).after([id::<B>()]),
        hook::<D>().order(4).after([id::<C>()]),
    ]);
    let error = plan.check().unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
    assert_eq!(error.problems()[0].hooks().collect::<Vec<_>>(), ["a", "b"]);
}
