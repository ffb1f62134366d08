//! The teardown calls hooks with the resources that their parameters name.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use lifecycle::{Config, Outcome, Reason, ShutdownContext as Cx, on_shutdown};

static CALLS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn call(text: impl fmt::Display) {
    CALLS.lock().unwrap().push(text.to_string());
}

struct Pool(&'static str);
struct Cache(&'static str);
struct Absent;
struct Gone;
struct Pair(u8, u8);
struct Shared(&'static str);

#[on_shutdown]
async fn first(pool: &Pool, cx: &Cx, _: Option<&Absent>) {
    call(format_args!("first {} {}", pool.0, *cx.reason() == Reason::MainReturned));
}

#[on_shutdown(after = [first])]
fn second(cache: Option<&Cache>, absent: Option<Gone>, shared: &Shared) -> Result<(), String> {
    let cache = cache.map_or("none", |cache| cache.0);
    call(format_args!("second {cache} {} {}", absent.map(drop).is_some(), shared.0));
    Err("second failed".to_owned())
}

#[on_shutdown(after = [second])]
async fn third(pool: Pool, Pair(left, mut right): Pair, Cache(name): Cache) {
    right += left;
    call(format_args!("third {} {right} {name}", pool.0));
}

#[on_shutdown(after = [third])]
fn skipped(_: &Absent) {
    call("skipped ran");
}

#[tokio::test]
async fn parameters_are_bound_by_type() {
    let main = async {
        lifecycle::provide(Pool("pool"));
        lifecycle::provide(Cache("cache"));
        lifecycle::provide(Pair(1, 2));
        lifecycle::provide(Arc::new(Shared("shared")));
    };
    let report = Config::new().signals([]).grace_period(Duration::from_secs(20)).run(main).await;
    let calls = CALLS.lock().unwrap().join("\n");
    assert_eq!(calls, "first pool true\nsecond cache false shared\nthird pool 3 cache", "{report}");
    assert!(matches!(report.outcome::<second>(), Some(Outcome::Failed(_))), "{report}");
    assert!(matches!(report.outcome::<skipped>(), Some(Outcome::Skipped(_))), "{report}");
}
