//! Each call has exactly one ending.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::sleep;

use super::*;
use crate::{
    SiteReport, SourceLocation,
    admission::{
        Admission, Cancellable, drop_as_lost, enter, hold, inherit, inherit_fn, spawn,
        spawn_blocking,
    },
    declare::site::{Drain, Policy},
};

/// How the calls of `OUTER` ended: finished, panicked, dropped, cancelled, abandoned; and of those
/// finished late and lost.
fn ended(gate: &Gate) -> ([usize; 5], [usize; 2]) {
    let report = gate.report();
    let outer = report.iter().find(|site| site.name() == "outer").expect("it had calls");
    assert_eq!(outer.admitted(), sum(outer), "{outer:?}");
    let endings =
        [outer.finished(), outer.panicked(), outer.dropped(), outer.cancelled(), outer.abandoned()];
    (endings, [outer.finished_late(), outer.lost()])
}

fn sum(site: &SiteReport) -> usize {
    assert_eq!(site.finished_late() + site.lost(), site.abandoned(), "{site:?}");
    site.finished() + site.panicked() + site.dropped() + site.cancelled() + site.abandoned()
}

const FINISHED: ([usize; 5], [usize; 2]) = ([1, 0, 0, 0, 0], [0, 0]);
const PANICKED: ([usize; 5], [usize; 2]) = ([0, 1, 0, 0, 0], [0, 0]);
const DROPPED: ([usize; 5], [usize; 2]) = ([0, 0, 1, 0, 0], [0, 0]);
const FINISHED_LATE: ([usize; 5], [usize; 2]) = ([0, 0, 0, 0, 1], [1, 0]);
const LOST: ([usize; 5], [usize; 2]) = ([0, 0, 0, 0, 1], [0, 1]);

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn caught<R>(work: impl FnOnce() -> R) {
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
}

async fn panicking<T>() -> T {
    panic!("on purpose")
}

#[test]
fn a_function_finishes_or_panics() {
    let (gate, _in_use) = own_gate();
    let entered = enter(&OUTER).unwrap();
    gate.close();
    drop(entered);
    assert_eq!(ended(&gate), FINISHED);

    let (gate, _in_use) = own_gate();
    caught(|| {
        let _entered = enter(&OUTER).unwrap();
        gate.close();
        panic!("on purpose");
    });
    assert_eq!(ended(&gate), PANICKED);
}

#[test]
fn a_function_that_panics_while_its_admission_lives_on_has_panicked() {
    let (gate, _in_use) = own_gate();
    let mut kept = None;
    caught(|| {
        let _entered = enter(&OUTER).unwrap();
        kept = Admission::current();
        gate.close();
        panic!("on purpose");
    });
    assert_eq!(gate.in_flight(), 1);
    drop(kept);
    assert_eq!(ended(&gate), PANICKED);
}

/// A destructor that runs while its thread unwinds may call a tracked function, which finishes.
#[test]
fn a_call_that_begins_while_unwinding_may_finish() {
    struct CleansUp;
    impl Drop for CleansUp {
        fn drop(&mut self) {
            let _entered = enter(&OUTER).unwrap();
        }
    }
    let (gate, _in_use) = own_gate();
    let around = INNER.admit().unwrap();
    caught(|| {
        around.enter(|| {
            let _cleans_up = CleansUp;
            gate.close();
            panic!("on purpose");
        });
    });
    assert_eq!(ended(&gate), FINISHED);
    drop(around);
    assert_eq!(gate.report()[0].panicked(), 1, "a panic went through the scope of the guard");
}

#[tokio::test]
async fn a_coroutine_finishes_panics_or_is_dropped() {
    let (gate, _in_use) = own_gate();
    assert_eq!(closing(&gate, async { 7 }).await, Ok(7));
    assert_eq!(ended(&gate), FINISHED);

    let (gate, _in_use) = own_gate();
    let call = tokio::spawn({
        let gate = Arc::clone(&gate);
        async move { closing(&gate, panicking::<u32>()).await }
    });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(ended(&gate), PANICKED);

    let (gate, _in_use) = own_gate();
    let mut call = Box::pin(closing(&gate, std::future::pending::<()>()));
    assert!(poll_once(call.as_mut()).is_pending());
    drop(call);
    assert_eq!(ended(&gate), DROPPED);
}

/// A coroutine that is dropped because its caller panics did not panic itself.
#[test]
fn what_a_panicking_caller_drops_is_dropped() {
    let (gate, _in_use) = own_gate();
    caught(|| {
        let mut call = Box::pin(closing(&gate, std::future::pending::<()>()));
        assert!(poll_once(call.as_mut()).is_pending());
        panic!("on purpose");
    });
    assert_eq!(ended(&gate), DROPPED);
}

#[tokio::test]
async fn a_held_future_finishes_panics_or_is_dropped() {
    let (gate, _in_use) = own_gate();
    let call = hold(&OUTER).unwrap().future(|| std::future::ready(7));
    gate.close();
    assert_eq!(call.await, 7);
    assert_eq!(ended(&gate), FINISHED);

    let (gate, _in_use) = own_gate();
    let mut call = Box::pin(hold(&OUTER).unwrap().future(panicking::<()>));
    gate.close();
    caught(|| poll_once(call.as_mut()));
    drop(call);
    assert_eq!(ended(&gate), PANICKED);

    let (gate, _in_use) = own_gate();
    let call = hold(&OUTER).unwrap().future(std::future::pending::<()>);
    gate.close();
    drop(call);
    assert_eq!(ended(&gate), DROPPED);

    let (gate, _in_use) = own_gate();
    let held = hold(&OUTER).unwrap();
    gate.close();
    caught(|| held.future(|| -> std::future::Ready<()> { panic!("on purpose") }));
    assert_eq!(ended(&gate), PANICKED);
}

#[tokio::test]
async fn a_stream_finishes_panics_or_is_dropped() {
    let numbers = || hold(&OUTER).unwrap().stream(|| stream::iter(0..2));
    let (gate, _in_use) = own_gate();
    let stream = numbers();
    gate.close();
    assert_eq!(stream.count().await, 2);
    assert_eq!(ended(&gate), FINISHED);

    let (gate, _in_use) = own_gate();
    let mut stream = numbers();
    gate.close();
    assert_eq!(stream.next().await, Some(0));
    drop(stream);
    assert_eq!(ended(&gate), DROPPED);

    let (gate, _in_use) = own_gate();
    let stream = hold(&OUTER).unwrap().stream(|| stream::once(panicking::<()>()));
    let mut stream = Box::pin(stream);
    gate.close();
    caught(|| stream.next().now_or_never());
    drop(stream);
    assert_eq!(ended(&gate), PANICKED);
}

#[test]
fn a_guard_is_finished_unless_a_panic_drops_it() {
    let (gate, _in_use) = own_gate();
    let guard = OUTER.admit().unwrap();
    gate.close();
    drop(guard);
    assert_eq!(ended(&gate), FINISHED);

    let (gate, _in_use) = own_gate();
    let mut kept = None;
    caught(|| {
        let guard = OUTER.admit().unwrap();
        kept = guard.enter(Admission::current);
        gate.close();
        panic!("on purpose");
    });
    drop(kept);
    assert_eq!(ended(&gate), PANICKED);
}

#[tokio::test]
async fn a_guard_ends_as_the_last_of_its_scopes() {
    let (gate, _in_use) = own_gate();
    let guard = OUTER.admit().unwrap();
    gate.close();
    let mut attempt = Box::pin(guard.scope(std::future::pending::<()>()));
    assert!(poll_once(attempt.as_mut()).is_pending());
    drop(attempt);
    guard.scope(async {}).await;
    drop(guard);
    assert_eq!(ended(&gate), FINISHED);

    let (gate, _in_use) = own_gate();
    let guard = OUTER.admit().unwrap();
    gate.close();
    guard.scope(async {}).await;
    let mut attempt = Box::pin(guard.scope(std::future::pending::<()>()));
    assert!(poll_once(attempt.as_mut()).is_pending());
    drop(attempt);
    drop(guard);
    assert_eq!(ended(&gate), DROPPED);

    let (gate, _in_use) = own_gate();
    let guard = OUTER.admit().unwrap();
    gate.close();
    assert!(AssertUnwindSafe(guard.scope(panicking::<()>())).catch_unwind().await.is_err());
    drop(guard);
    assert_eq!(ended(&gate), PANICKED);

    let (gate, _in_use) = own_gate();
    let guard = OUTER.admit().unwrap();
    gate.close();
    caught(|| guard.enter(|| panic!("on purpose")));
    guard.enter(|| ());
    drop(guard);
    assert_eq!(ended(&gate), FINISHED, "the second attempt was good");
}

/// Whoever carries an admission answers to the call, which may make good what went wrong there.
#[tokio::test]
async fn how_carried_work_ends_says_nothing_of_the_call() {
    let (gate, _in_use) = own_gate();
    let call = closing(&gate, async {
        let admission = Admission::current().unwrap();
        caught(|| admission.enter(|| panic!("on purpose")));
        caught(inherit_fn(|| panic!("on purpose")));
        drop(inherit(std::future::pending::<()>()));
        assert!(AssertUnwindSafe(inherit(panicking::<()>())).catch_unwind().await.is_err());
        7
    });
    assert_eq!(call.await, Ok(7));
    assert_eq!(ended(&gate), FINISHED);

    let (gate, _in_use) = own_gate();
    let entered = enter(&OUTER).unwrap();
    gate.close();
    caught(inherit_fn(|| panic!("on purpose")));
    drop(entered);
    assert_eq!(ended(&gate), FINISHED);
}

#[tokio::test]
async fn a_task_finishes_panics_or_is_dropped() {
    let (gate, _in_use) = own_gate();
    let finishes = OUTER.admit().unwrap().enter(|| spawn(async {}));
    gate.close();
    finishes.await.unwrap();
    assert_eq!(ended(&gate), FINISHED);

    let (gate, _in_use) = own_gate();
    let panics = OUTER.admit().unwrap().enter(|| spawn(panicking::<()>()));
    gate.close();
    assert!(panics.await.unwrap_err().is_panic());
    assert_eq!(ended(&gate), PANICKED);

    let (gate, _in_use) = own_gate();
    let aborted = OUTER.admit().unwrap().enter(|| spawn(std::future::pending::<()>()));
    gate.close();
    aborted.abort();
    assert!(aborted.await.unwrap_err().is_cancelled());
    assert_eq!(ended(&gate), DROPPED);
}

#[test]
fn blocking_work_finishes_panics_or_never_begins() {
    let (gate, _in_use) = own_gate();
    let build = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.max_blocking_threads(1).build().unwrap()
    };
    let runtime = build();
    runtime.block_on(async {
        let guard = OUTER.admit().unwrap();
        let (good, bad) = guard.enter(|| {
            let good = spawn_blocking(|| ());
            (good, spawn_blocking(|| panic!("on purpose")))
        });
        gate.close();
        good.await.unwrap();
        assert!(bad.await.unwrap_err().is_panic());
        drop(guard);
    });
    assert_eq!(ended(&gate), ([2, 1, 0, 0, 0], [0, 0]));

    let (gate, _in_use) = own_gate();
    let runtime = build();
    let (tell, go) = std::sync::mpsc::channel::<()>();
    let _enter = runtime.enter();
    drop(tokio::task::spawn_blocking(move || go.recv()));
    let queued = OUTER.admit().unwrap().enter(|| spawn_blocking(|| ()));
    gate.close();
    queued.abort();
    drop(tell);
    while gate.in_flight() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(ended(&gate), DROPPED);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_is_not_dropped() {
    static CANCELLED: Site = Site::declared(
        "outer",
        SourceLocation::new("x.rs", 1),
        Policy { admit_always: false, drain: Drain::CancelAfter(Duration::ZERO) },
    );
    let (gate, _in_use) = own_gate();
    let call = Cancellable::new(
        &CANCELLED,
        Err,
        tracked(&CANCELLED, async {
            sleep(Duration::from_secs(1)).await;
            Ok(())
        }),
    );
    let (answer, ()) = tokio::join!(call, async { gate.close() });
    assert!(answer.is_err());
    assert_eq!(ended(&gate), ([0, 0, 0, 1, 0], [0, 0]));
    assert!(gate.report()[0].is_clean());
}

#[tokio::test]
async fn what_is_abandoned_finishes_late_or_is_lost() {
    let (gate, _in_use) = own_gate();
    let (tell, go) = oneshot::channel();
    let mut call = Box::pin(closing(&gate, told(go)));
    assert!(poll_once(call.as_mut()).is_pending());
    gate.abandon();
    assert_eq!(ended(&gate), LOST, "as long as it has not finished");
    tell.send(()).unwrap();
    call.await.unwrap();
    assert_eq!(ended(&gate), FINISHED_LATE);

    for panics in [false, true] {
        let (gate, _in_use) = own_gate();
        let mut call = Box::pin(closing(&gate, twice()));
        assert!(poll_once(call.as_mut()).is_pending());
        gate.abandon();
        if panics {
            caught(|| poll_once(call.as_mut()));
        }
        drop(call);
        assert_eq!(ended(&gate), LOST);
        assert!(!gate.report()[0].is_clean());
    }
}

/// Panics when polled for the second time.
async fn twice() {
    yield_now().await;
    panic!("on purpose");
}

/// `main` is dropped while the drain still counts.
#[tokio::test]
async fn what_goes_with_main_is_lost_whatever_it_is() {
    let (gate, _in_use) = own_gate();
    let guard = OUTER.admit().unwrap();
    let mut call = Box::pin(closing(&gate, std::future::pending::<()>()));
    assert!(poll_once(call.as_mut()).is_pending());
    let held = guard.enter(|| hold(&OUTER).unwrap().future(std::future::pending::<()>));
    drop_as_lost(|| drop((guard, call, held)));
    assert_eq!(ended(&gate), ([0, 0, 0, 0, 3], [0, 3]));
    assert!(gate.report()[0].oldest_abandoned().is_some());
    gate.abandon();
    assert_eq!(ended(&gate), ([0, 0, 0, 0, 3], [0, 3]));
    drop(gate.hook_admission().enter(|| OUTER.admit()));
    assert_eq!(ended(&gate).0[4], 3, "a call of a hook is none of the drain's");
}

#[test]
fn a_destructor_that_panics_ends_the_dropping_of_main() {
    let (gate, _in_use) = own_gate();
    caught(|| drop_as_lost(|| panic!("on purpose")));
    let guard = OUTER.admit().unwrap();
    gate.close();
    drop(guard);
    assert_eq!(ended(&gate), FINISHED);
}

#[test]
fn panics_count_from_the_request_on() {
    let (gate, _in_use) = own_gate();
    let panics = || {
        caught(|| {
            let _entered = enter(&OUTER).unwrap();
            panic!("on purpose");
        });
    };
    panics();
    gate.request();
    drop(OUTER.admit());
    panics();
    let under_way = OUTER.admit().unwrap();
    gate.close();
    gate.request();
    under_way.enter(panics);
    drop(under_way);
    gate.abandon();
    assert_eq!(ended(&gate), ([1, 2, 0, 0, 0], [0, 0]));
    assert_eq!(gate.report()[0].at_start(), 1);
    assert!(!gate.report()[0].is_clean());
}

#[test]
fn calls_that_admitted_work_begins_are_in_the_sum() {
    let (gate, _in_use) = own_gate();
    let outer = OUTER.admit().unwrap();
    gate.close();
    outer.enter(|| {
        drop(OUTER.admit());
        drop(hold(&OUTER).unwrap().future(std::future::pending::<()>));
    });
    gate.abandon();
    drop(outer.enter(|| OUTER.admit()));
    drop(outer);
    assert_eq!(ended(&gate), ([1, 0, 1, 0, 1], [1, 0]));
    assert_eq!((gate.report()[0].at_start(), gate.report()[0].admitted()), (1, 3));
}
