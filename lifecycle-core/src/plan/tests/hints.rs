use crate::declare::hook::Need;

use super::support::*;

fn hints(plan: &crate::Plan) -> Vec<String> {
    plan.hints().iter().map(ToString::to_string).collect()
}

/// The outbox has the pool, and no edge says so.
fn outbox() -> [crate::plan::HookSpec; 2] {
    [
        hook::<A>().name("flush").needs([Need::borrow::<R<0>>()]),
        hook::<B>().name("close").needs([Need::take::<R<1>>()]),
    ]
}

#[test]
fn who_takes_and_stands_unordered_beside_others_is_a_hint() {
    assert_eq!(
        hints(&plan(outbox())),
        [
            "`close` (src/hooks.rs:2) takes `R<1>`, and nothing says whether it runs before or after \
          `flush`: write `uses = [R<1>]` at who still needs that, or `after = []` at `close` if \
          none does"
        ]
    );
}

#[test]
fn an_order_an_edge_or_an_empty_after_is_no_hint() {
    let [flush, close] = outbox();
    let mut considered = close.clone();
    considered.after_written = true;
    let mut uses = flush.clone();
    uses.uses.push(Need::borrow::<R<1>>());
    for hooks in [
        vec![flush.clone(), considered],
        vec![uses, close.clone()],
        vec![flush.clone(), close.clone().order(1)],
        vec![flush.clone(), close.clone().after([id::<A>()])],
        vec![close.clone()],
        vec![flush.clone(), hook::<C>()],
    ] {
        assert_eq!(hints(&plan(hooks)), [""; 0]);
    }
    assert_eq!(hints(&plan([flush, close]).sequential()), [""; 0]);
}

#[test]
fn a_hint_names_few_of_many() {
    let others = (0..9).map(numbered);
    let hints = hints(&plan(others.chain([outbox()[1].clone()])));
    assert_eq!(hints.len(), 1);
    assert!(hints[0].contains("`hook03` and 5 more: write"), "{hints:?}");
}
