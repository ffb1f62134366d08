use crate::{declare::hook::Need, plan::Plan};

use super::support::*;

fn chain() -> Plan {
    plan([
        hook::<A>().before([id::<B>()]),
        hook::<B>(),
        hook::<C>().after([id::<B>()]),
        hook::<D>(),
    ])
}

#[test]
fn the_order_through_a_hook_outlives_it() {
    let plan = chain().without::<B>();
    assert!(plan.runs_before::<A, C>() && !plan.runs_before::<C, A>());
    assert_eq!(names(&plan), ["a", "c", "d"]);
    assert_eq!(plan.worst_case(), seconds(10));
    assert!(
        !plan.hooks()[0].is_unordered()
            && !plan.hooks()[1].is_unordered()
            && plan.hooks()[2].is_unordered()
    );
}

#[test]
fn it_outlives_two_in_a_row() {
    let plan = chain().edge::<C, D>().only::<(A, D)>();
    assert!(plan.runs_before::<A, D>());
}

#[test]
fn an_order_goes_with_its_hook() {
    let plan = plan([hook::<A>().before([id::<B>()]), hook::<B>().order(-5), hook::<C>()]);
    assert_eq!(plan.hooks()[0].order(), -5);
    assert!(plan.without::<B>().hooks().iter().all(|hook| hook.order() == 0));
}

#[test]
fn ownership_goes_with_its_hook() {
    let plan = plan([
        hook::<A>().before([id::<B>()]),
        hook::<B>().needs([Need::borrow::<R<0>>()]),
        hook::<C>().needs([Need::take::<R<0>>()]),
    ]);
    assert!(plan.runs_before::<A, C>());
    assert!(!plan.without::<B>().runs_before::<A, C>());
}

#[test]
fn leaving_out_a_hook_repairs_the_circle_it_closed() {
    let plan = plan([
        hook::<A>(),
        hook::<B>().after([id::<A>()]).before([id::<C>()]),
        hook::<C>().before([id::<A>()]),
        hook::<D>().after([id::<D>()]),
    ]);
    assert_eq!(plan.check().unwrap_err().problems().len(), 2);
    let repaired = plan.without::<B>().without::<D>();
    repaired.check().unwrap();
    assert!(repaired.runs_before::<C, A>());
}

#[test]
fn leaving_out_a_hook_repairs_the_contradiction_it_carried() {
    let plan = plan([
        hook::<A>().order(20),
        hook::<B>().after([id::<A>()]).before([id::<C>()]),
        hook::<C>().order(10),
    ]);
    plan.check().unwrap_err();
    let repaired = plan.without::<B>();
    repaired.check().unwrap();
    assert!(repaired.runs_before::<C, A>());
}
