use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    thread,
};

use tokio::sync::mpsc;

use super::*;
use crate::admission::{Admission, Guard};

static QUEUE: Site = Site::new("queue");

#[tokio::test]
async fn received_work_comes_with_its_guard() {
    let (gate, _in_use) = own_gate();
    let (send, mut queue) = mpsc::channel(1);
    send.send(7).await.unwrap();
    let (message, guard) = QUEUE.pull(queue.recv()).await.unwrap();
    assert_eq!((message, gate.in_flight()), (Some(7), 1));
    gate.close();
    assert_eq!(guard.scope(nested(2)).await, Ok(2));
    drop(guard);
    assert_eq!(gate.in_flight(), 0);
    send.send(8).await.unwrap();
    assert!(QUEUE.pull(queue.recv()).await.is_none(), "though there is something to be had");
    assert_eq!(queue.try_recv(), Ok(8));
    assert_eq!((gate.report()[1].at_start(), gate.report()[1].refused()), (1, 0));
}

#[tokio::test]
async fn waiting_is_not_in_flight_and_ends_when_draining_begins() {
    let (gate, _in_use) = own_gate();
    let polls = AtomicUsize::new(0);
    let waiting = tokio::join!(
        QUEUE.pull(std::future::poll_fn(|_| {
            polls.fetch_add(1, Ordering::Relaxed);
            assert_eq!(gate.in_flight(), 1, "counted before the source is asked");
            assert!(Admission::current().is_some());
            assert_eq!(gate.listeners().len(), 1);
            Poll::<()>::Pending
        })),
        async {
            assert_eq!(gate.in_flight(), 0);
            gate.close();
        },
    );
    assert!(waiting.0.is_none());
    assert_eq!(polls.load(Ordering::Relaxed), 1);
    assert_eq!(gate.report(), []);
}

#[tokio::test]
async fn a_drain_that_begins_within_a_poll_counts_no_call_for_it() {
    let (gate, _in_use) = own_gate();
    let received = QUEUE.pull(std::future::poll_fn(|_| {
        gate.close();
        Poll::<()>::Pending
    }));
    assert!(received.await.is_none());
    assert_eq!(gate.report(), []);
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test]
async fn what_arrives_as_the_drain_begins_is_admitted() {
    let (gate, _in_use) = own_gate();
    let received = QUEUE.pull(std::future::poll_fn(|_| {
        gate.close();
        Poll::Ready(7)
    }));
    let (message, guard) = received.await.unwrap();
    assert_eq!((message, gate.in_flight()), (7, 1));
    drop(guard);
    assert_eq!((gate.report()[0].at_start(), gate.report()[0].finished()), (1, 1));
}

#[tokio::test]
async fn whoever_pulls_is_a_listener_from_then_on() {
    let (gate, _in_use) = own_gate();
    let pull = QUEUE.pull(std::future::pending::<()>());
    let [place] = gate.listeners()[..] else { panic!("no listener") };
    assert!(place.file().ends_with("pull.rs"));
    assert_eq!(place.line(), line!() - 3);
    drop(pull);
    assert_eq!(gate.listeners(), [place]);
}

/// Its loop is busy and will come back: a stop that begins now must not take it for one that does
/// not know.
#[tokio::test]
async fn whoever_works_on_what_was_pulled_listens() {
    let (gate, _in_use) = own_gate();
    let (_, guard) = QUEUE.pull(std::future::ready(())).await.unwrap();
    assert_eq!(gate.listeners().len(), 1);
    drop(guard);
    assert_eq!(gate.listeners().len(), 1);
}

#[tokio::test]
async fn dropped_pulls_lose_nothing() {
    let (gate, _in_use) = own_gate();
    let (send, mut queue) = mpsc::channel(1);
    for message in 0..100 {
        tokio::select! {
            biased;
            _ = QUEUE.pull(queue.recv()) => panic!("nothing was sent"),
            () = std::future::ready(()) => {}
        }
        send.send(message).await.unwrap();
        assert_eq!(QUEUE.pull(queue.recv()).await.unwrap().0, Some(message));
    }
    assert_eq!(gate.in_flight(), 0);
}

/// Drains under a busy queue; what was received and not handled by then.
fn lost(
    drains: usize,
    worker: impl AsyncFn(&mut mpsc::Receiver<u64>, &AtomicUsize) + Sync,
) -> usize {
    let mut lost = 0;
    for round in 0..drains {
        let gate = new_gate();
        let (send, mut queue) = mpsc::channel(64);
        let (taken, handled, stop) =
            (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let start = Barrier::new(3);
        let sent = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _in_use = context::use_gate(Arc::clone(&gate));
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                start.wait();
                runtime.block_on(worker(&mut queue, &handled));
                assert_eq!(gate.in_flight(), 0, "the drain may end now");
                stop.store(true, Ordering::Relaxed);
                let mut left = 0;
                queue.close();
                while queue.blocking_recv().is_some() {
                    left += 1;
                }
                taken.store(sent.load(Ordering::Acquire) - left, Ordering::Relaxed);
            });
            scope.spawn(|| {
                start.wait();
                while !stop.load(Ordering::Relaxed) {
                    let Ok(place) = send.try_reserve() else {
                        thread::yield_now();
                        continue;
                    };
                    // Before it can be received, so that the sum holds at any time.
                    sent.fetch_add(1, Ordering::Release);
                    place.send(0);
                }
                drop(send);
            });
            start.wait();
            while handled.load(Ordering::Relaxed) < round % 10 {
                thread::yield_now();
            }
            gate.close();
        });
        lost += taken.load(Ordering::Relaxed) - handled.load(Ordering::Relaxed);
    }
    lost
}

async fn handle(handled: &AtomicUsize) {
    let _: Answer = tracked(&INNER, async {
        yield_now().await;
        handled.fetch_add(1, Ordering::Relaxed);
        Ok(0)
    })
    .await;
}

#[test]
fn two_thousand_drains_under_a_busy_queue_lose_nothing() {
    let lost = lost(2000, async |queue, handled| {
        while let Some((Some(_), guard)) = QUEUE.pull(queue.recv()).await {
            // The place where work is lost without the guard.
            yield_now().await;
            guard.scope(handle(handled)).await;
        }
    });
    assert_eq!(lost, 0);
}

#[test]
fn without_pull_the_same_queue_loses_work() {
    let lost = lost(300, async |queue, handled| {
        while !context::gate().is_closed() {
            queue.recv().await.unwrap();
            yield_now().await;
            handle(handled).await;
        }
    });
    assert!(lost > 0);
}

#[test]
fn guards_and_pulls_may_move_between_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let (gate, _in_use) = own_gate();
    drop(is_send(QUEUE.pull(std::future::pending::<()>())));
    let guard: Guard = is_send(QUEUE.admit().unwrap());
    thread::spawn(move || drop(guard)).join().unwrap();
    assert_eq!(gate.in_flight(), 0);
}
