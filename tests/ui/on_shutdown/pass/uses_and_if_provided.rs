use std::sync::Arc;

use lifecycle::{Plan, ShutdownContext, on_shutdown};

struct Pool;
struct Outbox;
struct Cache<T>(T);

#[on_shutdown(uses = [Pool, Arc<Cache<u8>>, #[cfg(any())] Missing,])]
async fn flush(_outbox: &Outbox, _cx: &ShutdownContext) {}

#[on_shutdown(if_provided)]
async fn close(_pool: Pool) {}

#[on_shutdown(if_provided, uses = [], after = [])]
fn drop_cache(_cache: Arc<Cache<u8>>, _outbox: Option<&Outbox>) {}

fn main() {
    let plan = Plan::collect().unwrap();
    assert!(plan.runs_before::<flush, close>());
    assert!(plan.runs_before::<flush, drop_cache>());
    let is_if_provided: Vec<_> = plan.hooks().iter().map(|hook| hook.is_if_provided()).collect();
    assert_eq!(is_if_provided, [false, true, true]);
    assert!(plan.hints().is_empty());
}
