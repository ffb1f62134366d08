use crate::{
    SourceLocation,
    declare::hook::{ExpectedHook, Hook, Need},
    plan::{Plan, PlanError},
};

use super::support::*;

#[test]
fn a_circle_is_told_whole_with_the_reason_of_each_edge() {
    let plan = plan([
        hook::<A>().before([id::<B>()]).needs([Need::take::<R<0>>()]),
        hook::<B>(),
        hook::<C>().after([id::<B>()]).needs([Need::borrow::<R<0>>()]),
        hook::<D>(),
    ]);
    let error = plan.check().unwrap_err();
    assert!(error.is_cycle() && !error.is_order_contradiction());
    assert_eq!(
        error.to_string(),
        "the shutdown plan is invalid: hooks wait for one another in a circle: `a` -> `b` -> `c` -> `a`\n   \
         - `a` (src/hooks.rs:1) runs before `b` (src/hooks.rs:2): `a` says `before` at src/hooks.rs:1\n   \
         - `b` (src/hooks.rs:2) runs before `c` (src/hooks.rs:3): `c` says `after` at src/hooks.rs:3\n   \
         - `c` (src/hooks.rs:3) runs before `a` (src/hooks.rs:1): `a` takes `R<0>`, which `c` borrows\n   \
         remove one of these edges, or leave a hook out: `Plan::without`"
    );
    assert_eq!(error.problems()[0].hooks().collect::<Vec<_>>(), ["a", "b", "c"]);
    let unordered: Vec<bool> = plan.hooks().iter().map(|hook| hook.is_unordered()).collect();
    assert_eq!(unordered, [false, false, false, true], "a broken plan can be shown");
}

#[test]
fn every_reason_of_an_edge_is_told() {
    let plan = plan([
        hook::<A>().before([id::<B>()]).after([id::<B>()]),
        hook::<B>().after([id::<A>()]).needs([Need::take::<R<1>>()]),
    ]);
    let text = problems(&plan);
    assert!(
        text.contains(
            "`b` says `after` at src/hooks.rs:2; and `a` says `before` at src/hooks.rs:1"
        ),
        "{text}"
    );
}

#[test]
fn a_circle_through_uses_names_the_place() {
    let plan = plan([
        hook::<A>().needs([Need::borrow::<R<2>>()]).after([id::<B>()]),
        hook::<B>().needs([Need::take::<R<0>>()]),
    ])
    .with_uses(vec![uses::<R<2>, R<1>>(7), uses::<R<1>, R<0>>(8)]);
    let text = problems(&plan);
    assert!(
        text.contains(
            "`b` takes `R<0>`, and `a` has `R<2>`, which uses `R<1>` (src/main.rs:7), which uses `R<0>` (src/main.rs:8)"
        ),
        "{text}"
    );
}

#[test]
fn a_hook_before_itself_is_told() {
    let text = problems(&plan([hook::<A>().after([id::<A>()]), hook::<B>()]));
    assert!(text.contains("a hook runs before itself: `a`"), "{text}");
}

#[test]
fn two_takers_are_told() {
    let plan = plan([
        hook::<A>().needs([Need::take::<Vec<R<0>>>()]),
        hook::<B>().needs([Need::take_optional::<Vec<R<0>>>()]),
        hook::<C>().needs([Need::take::<R<0>>()]),
    ]);
    let error = plan.check().unwrap_err();
    assert!(error.is_two_takers());
    assert_eq!(
        error.to_string(),
        "the shutdown plan is invalid: 2 hooks take `Vec<R<0>>`, but only one of them can have it:\n   \
         - `a` (src/hooks.rs:1) takes `Vec<R<0>>`\n   \
         - `b` (src/hooks.rs:2) takes `Vec<R<0>>`\n   \
         let all but one borrow it (`&Vec<R<0>>`), or wrap each value in a type of its own"
    );
}

#[test]
fn equal_written_names_are_told() {
    let plan = plan([hook::<A>().name("flush"), hook::<B>().name("flush"), hook::<C>()]);
    let error = plan.check().unwrap_err();
    assert!(error.is_equal_names());
    assert_eq!(
        error.to_string(),
        "the shutdown plan is invalid: 2 hooks were given the name `flush`:\n   \
         - at src/hooks.rs:1\n   - at src/hooks.rs:2\n   \
         change `name = \"..\"` of all but one, or remove it: default names are told apart"
    );
    let mut default = hook::<C>();
    default.name = "flush".into();
    let one_written = super::support::plan([hook::<A>().name("flush"), default]);
    one_written.check().unwrap();
    assert_eq!(names(&one_written), ["flush", "flush@src/hooks.rs:3"]);
}

#[test]
fn promised_hooks_that_are_not_linked_are_told() {
    let promise = |line| ExpectedHook {
        hook: B::declared,
        location: SourceLocation::new("src/main.rs", line),
    };
    let broken = Plan::build(vec![hook::<A>()], Vec::new(), vec![promise(3)]);
    let error = broken.check().unwrap_err();
    assert!(error.is_missing_hook());
    assert_eq!(
        error.to_string(),
        "the shutdown plan is invalid: `expect_hooks!` at src/main.rs:3 promises `b` (src/hooks.rs:2), which is not \
         among the linked hooks\n   name its crate where the program starts: `use the_crate as _;`"
    );
    let linked = Plan::build(vec![hook::<B>()], Vec::new(), vec![promise(3)]);
    linked.check().unwrap();
    linked.without::<B>().check().unwrap();
}

#[test]
fn all_problems_are_told_at_once_with_numbers() {
    let specs = vec![
        hook::<A>().order(5).before([id::<B>()]).name("n").needs([Need::take::<R<0>>()]),
        hook::<B>().order(4).name("n").needs([Need::take::<R<0>>()]),
        hook::<C>().after([id::<D>()]),
        hook::<D>().after([id::<C>()]),
    ];
    let promise =
        ExpectedHook { hook: E::declared, location: SourceLocation::new("src/main.rs", 3) };
    let error = Plan::build(specs, Vec::new(), vec![promise]).check().unwrap_err();
    assert!(
        error.is_cycle()
            && error.is_order_contradiction()
            && error.is_two_takers()
            && error.is_equal_names()
    );
    assert!(error.is_missing_hook() && !error.is_too_late());
    assert_eq!(error.problems().len(), 5);
    let text = format!("{error:?}");
    assert!(text.starts_with("the shutdown plan is invalid, 5 problems:\n1. hooks wait"), "{text}");
    assert!(text.contains("\n5. `expect_hooks!`"), "{text}");
}

#[test]
fn two_circles_that_share_a_hook_are_both_told() {
    let plan = plan([
        hook::<A>().after([id::<B>(), id::<C>()]),
        hook::<B>().after([id::<A>()]),
        hook::<C>().after([id::<A>()]),
    ]);
    assert_eq!(plan.check().unwrap_err().problems().len(), 2);
}

#[test]
fn an_edge_of_a_circle_against_two_orders_is_told_too() {
    let plan =
        plan([hook::<A>().order(2).after([id::<B>()]), hook::<B>().order(1).after([id::<A>()])]);
    let error = plan.check().unwrap_err();
    assert!(error.is_cycle() && error.is_order_contradiction());
    assert_eq!(error.problems().len(), 2);
}

#[test]
fn what_came_too_late_is_told() {
    let error =
        PlanError::too_late("conn", SourceLocation::new("src/a.rs", 4), "its order has begun");
    assert!(error.is_too_late());
    assert_eq!(
        error.to_string(),
        "the shutdown plan is invalid: hook `conn` (src/a.rs:4) cannot join the plan: its order has \
         begun; register it earlier"
    );
}
