use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::time::timeout;

use super::*;
use crate::admission::{Admission, enter};

/// Notes, when dropped, whether a call is admitted then and how many are in flight.
struct Probe<'t>(Arc<Gate>, &'t Mutex<Vec<(bool, usize)>>);

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        let admitted = INNER.admit().is_ok();
        self.1.lock().unwrap().push((admitted, self.0.in_flight()));
    }
}

#[tokio::test]
async fn destructors_of_a_dropped_call_are_part_of_it() {
    let (gate, _in_use) = own_gate();
    let seen = Mutex::new(Vec::new());
    let argument = Probe(Arc::clone(&gate), &seen);
    let call = tracked(&OUTER, async {
        let _argument = argument;
        let _local = Probe(Arc::clone(&gate), &seen);
        gate.close();
        std::future::pending::<Answer>().await
    });
    assert!(timeout(Duration::from_millis(10), call).await.is_err());
    assert_eq!(*seen.lock().unwrap(), [(true, 1), (true, 1)]);
    assert_eq!(gate.in_flight(), 0);
    assert!(INNER.admit().is_err());
}

#[tokio::test]
async fn arguments_go_before_the_call_ends() {
    let (gate, _in_use) = own_gate();
    let seen = Mutex::new(Vec::new());
    let unused = Probe(Arc::clone(&gate), &seen);
    let call = Tracked::new(&OUTER, async {
        admitted(&OUTER)?;
        let _unused = unused;
        gate.close();
        Ok::<_, Refused>(7)
    });
    assert_eq!(call.await, Ok(7));
    assert_eq!(*seen.lock().unwrap(), [(true, 1)]);
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test]
async fn a_finished_call_ends_though_its_future_lives_on() {
    let (gate, _in_use) = own_gate();
    let mut call = Box::pin(nested(2));
    assert_eq!((&mut call).await, Ok(2));
    assert_eq!(gate.in_flight(), 0);
    drop(call);
}

#[tokio::test]
async fn a_future_that_was_never_polled_counts_nothing() {
    let (gate, _in_use) = own_gate();
    let call = OUTER.track(std::future::pending::<()>());
    assert_eq!(gate.in_flight(), 0);
    drop(call);
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test]
async fn an_aborted_tasks_destructors_are_part_of_the_call() {
    let (gate, _in_use) = own_gate();
    let seen: &'static Mutex<Vec<(bool, usize)>> = Box::leak(Box::default());
    let probe = Probe(Arc::clone(&gate), seen);
    let task = tokio::spawn(tracked(&OUTER, async move {
        let _probe = probe;
        std::future::pending::<Answer>().await
    }));
    while gate.in_flight() == 0 {
        yield_now().await;
    }
    gate.close();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(*seen.lock().unwrap(), [(true, 1)]);
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test]
async fn a_panic_in_a_poll_ends_the_call_and_restores_the_thread() {
    let (gate, _in_use) = own_gate();
    let mut call = Box::pin(
        AssertUnwindSafe(tracked(&OUTER, async {
            nested(1).await?;
            tracked(&INNER, async { panic!("on purpose") }).await
        }))
        .catch_unwind(),
    );
    let caught: Result<Answer, _> = (&mut call).await;
    assert!(caught.is_err());
    assert_eq!(gate.in_flight(), 0, "though the future lives");
    assert!(Admission::current().is_none());
    gate.close();
    assert!(nested(0).await.is_err());
    drop(call);
    assert!(INNER.admit().is_err());
}

#[test]
fn a_panic_in_a_call_ends_it_and_restores_the_thread() {
    let (gate, _in_use) = own_gate();
    let outer = enter(&OUTER).unwrap();
    let admission = Admission::current().unwrap();
    let caught = catch_unwind(|| {
        let _inner = enter(&INNER);
        admission.enter(|| panic!("on purpose"))
    });
    assert!(caught.is_err());
    assert_eq!(gate.in_flight(), 1);
    gate.close();
    assert!(INNER.admit().is_ok(), "the outer call goes on");
    drop(admission);
    drop(outer);
    assert!(Admission::current().is_none());
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn a_panic_in_a_destructor_ends_the_call() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let (gate, _in_use) = own_gate();
    let mut call = Box::pin(tracked(&OUTER, async {
        let _bomb = Bomb;
        std::future::pending::<Answer>().await
    }));
    assert_eq!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
    assert_eq!(gate.in_flight(), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(call))).is_err());
    assert_eq!(gate.in_flight(), 0);
    assert!(Admission::current().is_none());
}

#[test]
fn dropping_what_panicked_leaves_the_call_around_it_alone() {
    struct Panicked<'t>(
        Option<Pin<Box<dyn Future<Output = Answer>>>>,
        Arc<Gate>,
        &'t Mutex<Vec<(bool, usize)>>,
    );
    impl Drop for Panicked<'_> {
        fn drop(&mut self) {
            drop(self.0.take());
            drop(Probe(Arc::clone(&self.1), self.2));
        }
    }
    let (gate, _in_use) = own_gate();
    let seen = Mutex::new(Vec::new());
    let mut cx = Context::from_waker(Waker::noop());
    let mut inner: Pin<Box<dyn Future<Output = Answer>>> = Box::pin(tracked(&INNER, async {
        yield_now().await;
        panic!("on purpose")
    }));
    // Outside a runtime `yield_now` wakes at once: the second poll panics.
    assert!(inner.as_mut().poll(&mut cx).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(&mut cx))).is_err());
    let panicked = Panicked(Some(inner), Arc::clone(&gate), &seen);
    let mut outer = Box::pin(tracked(&OUTER, async {
        let _panicked = panicked;
        std::future::pending::<Answer>().await
    }));
    assert!(outer.as_mut().poll(&mut cx).is_pending());
    gate.close();
    drop(outer);
    assert_eq!(*seen.lock().unwrap(), [(true, 1)]);
    assert_eq!(gate.in_flight(), 0);
}

#[test]
#[should_panic(expected = "`outer` (")]
fn asking_without_a_wrapper_is_a_bug() {
    let (_gate, _in_use) = own_gate();
    let _ = admitted(&OUTER);
}
