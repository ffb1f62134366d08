//! Arguments are a part of the call: all of them drop before it ends.

use std::sync::{Arc, Mutex};

use futures_core::future::BoxFuture;
use lifecycle::{Admission, Refused, tracked};

type Log = Arc<Mutex<Vec<String>>>;

/// Says on drop whether its call is still in flight.
struct Argument(Log, &'static str);

impl Drop for Argument {
    fn drop(&mut self) {
        let inside = if Admission::current().is_some() { "inside" } else { "outside" };
        self.0.lock().unwrap().push(format!("{} {inside}", self.1));
    }
}

impl Argument {
    #[tracked(refused = ())]
    fn owned(self, _: Self, _unused: Self, used: Self) {
        let _ = &used;
    }

    #[tracked(refused = ())]
    async fn owned_async(self, _: Self, _unused: Self, used: Self) {
        let _ = &used;
    }

    #[tracked(refused = ())]
    fn owned_mutable(mut self, _: Self, _unused: Self, used: Self) {
        self.1 = used.1;
        let _ = self.1;
    }
}

#[allow(dead_code)]
struct Pair(Argument, Argument);

#[tracked(refused = ())]
fn sync(_: Argument, _unused: Argument, used: Argument, Pair(_, _kept): Pair) {
    let _ = &used;
}

#[tracked(refused = ())]
async fn asynchronous(_: Argument, _unused: Argument, used: Argument, Pair(_, _kept): Pair) {
    let _ = &used;
}

/// The same without the attribute: the order must be that of the language.
async fn untracked(_: Argument, _unused: Argument, used: Argument, Pair(_, _kept): Pair) {
    let _ = &used;
}

#[tracked]
fn boxed(
    _: Argument,
    _unused: Argument,
    used: Argument,
) -> BoxFuture<'static, Result<(), Refused>> {
    Box::pin(async move {
        drop(used);
        Ok(())
    })
}

fn all_inside(log: &Log, expected: usize) {
    let log = std::mem::take(&mut *log.lock().unwrap());
    assert_eq!(log.len(), expected, "{log:?}");
    assert!(log.iter().all(|line| line.ends_with(" inside")), "{log:?}");
}

#[test]
fn of_a_function() {
    let log = Log::default();
    let new = |name| Argument(Arc::clone(&log), name);
    sync(new("_"), new("unused"), new("used"), Pair(new("left"), new("kept")));
    all_inside(&log, 5);
    new("self").owned(new("_"), new("unused"), new("used"));
    all_inside(&log, 4);
    new("renamed").owned_mutable(new("_"), new("unused"), new("used"));
    all_inside(&log, 4);
}

#[tokio::test]
async fn of_an_async_function() {
    let log = Log::default();
    let new = |name| Argument(Arc::clone(&log), name);
    asynchronous(new("_"), new("unused"), new("used"), Pair(new("left"), new("kept"))).await;
    all_inside(&log, 5);
    new("self").owned_async(new("_"), new("unused"), new("used")).await;
    all_inside(&log, 4);
}

#[tokio::test]
async fn in_the_order_of_the_language() {
    let order = |log: &Log| {
        let log = std::mem::take(&mut *log.lock().unwrap());
        log.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let log = Log::default();
    let new = |name| Argument(Arc::clone(&log), name);
    untracked(new("_"), new("unused"), new("used"), Pair(new("left"), new("kept"))).await;
    let expected = order(&log);
    asynchronous(new("_"), new("unused"), new("used"), Pair(new("left"), new("kept"))).await;
    assert_eq!(order(&log), expected);
    sync(new("_"), new("unused"), new("used"), Pair(new("left"), new("kept")));
    assert_eq!(order(&log), expected);
}

#[tokio::test]
async fn of_a_future_that_is_dropped_half_way() {
    #[tracked(refused = ())]
    async fn pending(_: Argument, _unused: Argument) {
        std::future::pending().await
    }

    let log = Log::default();
    let new = |name| Argument(Arc::clone(&log), name);
    let mut call = Box::pin(pending(new("_"), new("unused")));
    assert!(futures_util::poll!(&mut call).is_pending());
    drop(call);
    all_inside(&log, 2);
}

#[tokio::test]
async fn of_a_future_that_is_made_by_hand() {
    let log = Log::default();
    let new = |name| Argument(Arc::clone(&log), name);
    boxed(new("_"), new("unused"), new("used")).await.unwrap();
    all_inside(&log, 3);
}
