use std::{
    fs,
    sync::LazyLock,
    time::{Duration, Instant},
};

use super::support::{A, B, C, D, hook, id, numbered, plan};
use crate::{
    declare::HookId,
    declare::hook::Need,
    plan::{Plan, PlanDiff},
};

/// What `new` says of `old`.
fn changes(old: &Plan, new: &Plan) -> String {
    new.diff(&old.to_json()).unwrap().to_string()
}

#[test]
fn a_plan_does_not_differ_from_itself_wherever_it_stands() {
    let plan = || plan([hook::<A>().timeout(2), hook::<B>().after([id::<A>()]).order(3)]);
    assert_eq!(changes(&plan(), &plan()), "the plan is unchanged");
    let moved = plan().to_json().replace("src/hooks.rs", "src/shutdown.rs");
    assert!(plan().diff(&moved).unwrap().is_empty());
}

#[test]
fn a_review_reads_what_now_runs_before_what_and_for_how_long() {
    struct Pool;
    let old = plan([hook::<A>().timeout(4), hook::<B>().timeout(7), hook::<C>()]);
    let new = plan([
        hook::<A>().timeout(4).needs([Need::borrow::<Pool>()]),
        hook::<B>().timeout(7).needs([Need::take::<Pool>()]),
        hook::<D>().timeout(1).after([id::<A>()]),
    ]);
    assert_eq!(
        changes(&old, &new),
        "\
the plan changed; worst case 7s -> 11s (+4s)
  + `d` (src/hooks.rs:4): order 0, timeout 1s, after `a`
  - `c` (was src/hooks.rs:3): order 0, timeout 5s
  ~ `a` (src/hooks.rs:1): now borrows `lifecycle_core::plan::tests::diff::a_review_reads_what_now_runs_before_what_and_for_how_long::Pool`
  ~ `b` (src/hooks.rs:2): now takes `lifecycle_core::plan::tests::diff::a_review_reads_what_now_runs_before_what_and_for_how_long::Pool`
  ~ `a` now ends before `b` starts; they ran side by side
  ~ critical path: a -> b
               was: b"
    );
    assert!(
        changes(&new, &old)
            .contains("~ `a` no longer ends before `b` starts: they run side by side")
    );
}

#[test]
fn two_files_differ_as_a_plan_and_a_file_do() {
    let old = plan([hook::<A>().timeout(4), hook::<B>().timeout(7)]);
    let new = plan([hook::<A>().timeout(4), hook::<B>().timeout(7).after([id::<A>()])]);
    let between = PlanDiff::between(&old.to_json(), &new.to_json()).unwrap();
    assert_eq!(between, new.diff(&old.to_json()).unwrap());
    assert_eq!(between.changes().len(), 1, "{between}");
    assert!(PlanDiff::between(&old.to_json(), "{}").is_err());
}

#[test]
fn what_nobody_wrote_is_open_in_a_plan_that_is_read_as_well() {
    let written = plan([hook::<A>(), hook::<B>().timeout(5)]);
    for plan in [written.clone(), written.with_default_timeout(Duration::from_secs(7))] {
        let read = Plan::from_json(&plan.to_json()).unwrap();
        let open = |plan: &Plan| plan.hooks().iter().map(|hook| hook.timeout_open).collect();
        let [was, is]: [Vec<bool>; 2] = [open(&plan), open(&read)];
        assert_eq!(was, is);
        assert_eq!(read.to_json(), plan.to_json());
    }
}

#[test]
fn a_plan_that_contradicts_itself_is_not_read() {
    let circle = plan([hook::<A>().after([id::<B>()]), hook::<B>().after([id::<A>()])]);
    let refused = Plan::from_json(&circle.to_json()).unwrap_err().to_string();
    assert!(refused.starts_with("the plan is invalid: "), "{refused}");
    let dangling = plan([hook::<A>(), hook::<B>().after([id::<A>()])]);
    let dangling = dangling.to_json().replacen("\"name\": \"a\"", "\"name\": \"x\"", 1);
    let refused = Plan::from_json(&dangling).unwrap_err().to_string();
    assert_eq!(refused, "the hook `b` waits for `a`, which is no hook");
}

/// What docs/json.md shows.
#[test]
fn the_documentation_shows_what_is_said() {
    struct Pool;
    let outbox =
        || hook::<A>().name("orders::flush_outbox").timeout(5).needs([Need::borrow::<Pool>()]);
    let pool = || hook::<B>().name("orders::close_pool").timeout(2).needs([Need::take::<Pool>()]);
    let metrics = || hook::<C>().name("orders::flush_metrics");
    let old = plan([outbox(), pool(), metrics().order(10).timeout(1)]);
    let new = plan([outbox(), pool(), metrics().timeout(10).needs([Need::borrow::<Pool>()])]);
    let said = changes(&old, &new).replace(std::any::type_name::<Pool>(), "orders::db::Pool");
    let docs = include_str!("../../../../docs/json.md");
    assert!(docs.contains(&said.replace("src/hooks.rs:3", "src/metrics.rs:12")), "{said}");
}

#[test]
fn a_hook_that_moves_to_another_order_passes_those_between() {
    let old = plan([
        hook::<A>().order(1),
        hook::<B>().order(2),
        hook::<C>().order(3),
        hook::<D>().order(4),
    ]);
    let new = plan([
        hook::<A>().order(1),
        hook::<B>().order(2),
        hook::<C>().order(3),
        hook::<D>().order(2),
    ]);
    assert_eq!(
        changes(&old, &new),
        "\
the plan changed; worst case 20s -> 15s (-5s)
  ~ `d` (src/hooks.rs:4): order 4 -> 2
  ~ `b` no longer ends before `d` starts: they run side by side
  ~ `d` now ends before `c` starts; it ran after
  ~ critical path: a -> b -> c
               was: a -> b -> c -> d"
    );
}

#[test]
fn new_numbers_for_the_same_orders_change_no_sequence() {
    let old = plan([hook::<A>().order(1), hook::<B>().order(2), hook::<C>().order(2)]);
    let new = plan([hook::<A>().order(10), hook::<B>().order(20), hook::<C>().order(20)]);
    assert_eq!(
        changes(&old, &new),
        "\
the plan changed; worst case 10s, as before
  ~ `a` (src/hooks.rs:1): order 1 -> 10
  ~ `b` (src/hooks.rs:2): order 2 -> 20
  ~ `c` (src/hooks.rs:3): order 2 -> 20"
    );
}

#[test]
fn an_edge_that_was_there_by_another_way_is_no_change() {
    let old = plan([hook::<A>(), hook::<B>().after([id::<A>()]), hook::<C>().after([id::<B>()])]);
    let new = plan([
        hook::<A>(),
        hook::<B>().after([id::<A>()]),
        hook::<C>().after([id::<B>(), id::<A>()]),
    ]);
    assert_eq!(changes(&old, &new), "the plan is unchanged");
}

#[test]
fn what_a_hook_between_two_kept_in_order_is_told_when_it_goes() {
    let with = plan([hook::<A>(), hook::<B>().after([id::<A>()]), hook::<C>().after([id::<B>()])]);
    let without = plan([hook::<A>(), hook::<C>()]);
    assert_eq!(
        changes(&with, &without),
        "\
the plan changed; worst case 15s -> 5s (-10s)
  - `b` (was src/hooks.rs:2): order 0, timeout 5s
  ~ `a` no longer ends before `c` starts: they run side by side
  ~ critical path: a
               was: a -> b -> c"
    );
    assert!(
        changes(&without, &with)
            .contains("~ `a` now ends before `c` starts; they ran side by side")
    );
}

#[test]
fn an_invalid_plan_says_so() {
    let old = plan([hook::<A>(), hook::<B>()]);
    let new = plan([hook::<A>().after([id::<B>()]), hook::<B>().after([id::<A>()])]);
    assert!(changes(&old, &new).contains("! new problem: "), "{}", changes(&old, &new));
    assert!(changes(&new, &old).contains("! no longer a problem: "));
}

/// Every hook against every other, and none of that for each pair anew.
#[test]
fn many_hooks_that_move_are_compared_in_no_time() {
    let began = time_spent();
    let chain = |order: i32| {
        plan((0..1_000).map(|n| {
            numbered(n).order(order).after((n > 0).then(|| HookId::Registered(n as u64 - 1)))
        }))
    };
    let moved = chain(1).diff(&chain(0).to_json()).unwrap();
    assert_eq!(moved.changes().len(), 1_000, "{moved}");
    let in_turn =
        |turn: fn(i32) -> i32| plan((0..1_000).map(|n| numbered(n).order(turn(n as i32))));
    let reversed = in_turn(|n| -n).diff(&in_turn(|n| n).to_json()).unwrap();
    // Each but the last now ends before some that ran before it, and hook 0 stays in order 0.
    assert_eq!(reversed.changes().len(), 999 + 999, "{reversed}");
    let took = time_spent() - began;
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_large_plan_is_compared_where_it_changed() {
    let began = time_spent();
    let chain = |broken: Option<usize>| {
        plan((0..8_000).map(|n| {
            numbered(n)
                .after((n > 0 && broken != Some(n)).then(|| HookId::Registered(n as u64 - 1)))
        }))
    };
    let diff = chain(Some(4_000)).diff(&chain(None).to_json()).unwrap();
    let line = "~ `hook3999` no longer ends before `hook4000` starts: they run side by side";
    assert_eq!(diff.changes(), [line], "{diff}");
    let took = time_spent() - began;
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn what_is_no_plan_is_refused_with_the_reason() {
    let refused = |json: &str| plan([hook::<A>()]).diff(json).unwrap_err().to_string();
    assert!(refused("{").contains("line 1 column 1"), "{}", refused("{"));
    assert!(refused("{}").contains("lacks `format` and `version`"));
    assert!(
        refused(r#"{"format": "lifecycle.report", "version": 1}"#)
            .contains("`lifecycle.plan` is wanted")
    );
    let newer = plan([]).to_json().replace("\"version\": 1", "\"version\": 2");
    assert!(refused(&newer).contains("version 2, and this library reads up to version 1"));
    let broken = plan([hook::<A>().after([]), hook::<B>().after([id::<A>()])]).to_json();
    let broken = broken.replace("\"name\": \"a\"", "\"name\": \"x\"");
    assert!(
        refused(&broken).contains("`b` waits for `a`, which is no hook"),
        "{}",
        refused(&broken)
    );
}

/// What this thread has worked, which does not grow with what else the machine does; where the system
/// does not tell, the time since some moment.
fn time_spent() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let worked = || {
        let told = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        told.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    worked().unwrap_or_else(|| START.elapsed())
}
