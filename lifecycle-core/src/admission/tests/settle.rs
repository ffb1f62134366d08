use std::time::Duration;

use futures_util::FutureExt;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, advance, sleep},
};

use super::{observer::Observer, *};
use crate::admission::drop_as_lost;

static JOBS: Site = Site::new("jobs");

const MOST: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn the_receive_under_way_is_handed_over_with_its_guard() {
    let (gate, _in_use) = own_gate();
    let observer = Observer::of(&gate);
    let (answer, receive) = oneshot::channel();
    let mut pull = Box::pin(JOBS.pull(receive).settle(MOST));
    assert!(futures_util::poll!(&mut pull).is_pending());
    assert_eq!(gate.in_flight(), 0, "while it waits, nothing is");
    assert_eq!(gate.snapshot(), []);
    gate.close();
    assert_eq!(gate.in_flight(), 1, "the drain waits for it");
    assert_eq!(observer.seen(), (0, 1));
    assert!(futures_util::poll!(&mut pull).is_pending());
    advance(Duration::from_secs(1)).await;
    answer.send(7).unwrap();
    let (job, guard) = pull.await.unwrap();
    assert_eq!((job, gate.in_flight()), (Ok(7), 1));
    assert_eq!(guard.scope(nested(1)).await, Ok(1), "received means admitted");
    drop(guard);
    assert_eq!((gate.in_flight(), observer.seen()), (0, (1, 1)));
    let report = &gate.report()[1];
    assert_eq!((report.at_start(), report.admitted(), report.finished()), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_receive_that_brings_nothing_is_dropped_when_its_time_is_up() {
    let (gate, _in_use) = own_gate();
    let begun = Instant::now();
    let mut pull = Box::pin(JOBS.pull(std::future::pending::<()>()).settle(MOST));
    assert!(futures_util::poll!(&mut pull).is_pending());
    gate.close();
    assert!(pull.await.is_none());
    assert_eq!((begun.elapsed(), gate.in_flight()), (MOST, 0));
    assert_eq!(gate.report(), []);
}

#[tokio::test(start_paused = true)]
async fn no_receive_begins_once_draining() {
    let (gate, _in_use) = own_gate();
    let (send, mut queue) = mpsc::channel(1);
    send.send(7).await.unwrap();
    let early = JOBS.pull(std::future::pending::<()>()).settle(MOST);
    gate.close();
    assert!(early.await.is_none(), "made before, and never polled");
    assert!(JOBS.pull(queue.recv()).settle(MOST).await.is_none());
    assert_eq!(queue.try_recv(), Ok(7));
    assert_eq!((gate.report(), gate.in_flight()), (vec![], 0));
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_begins_while_the_source_is_polled_lets_it_settle() {
    let (gate, _in_use) = own_gate();
    let source = async {
        gate.close();
        sleep(Duration::from_secs(1)).await;
        7
    };
    let (job, guard) = JOBS.pull(source).settle(MOST).await.unwrap();
    assert_eq!((job, gate.in_flight()), (7, 1));
    drop(guard);
    assert_eq!((gate.report()[0].at_start(), gate.report()[0].finished()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_is_over_ends_the_settling() {
    let (gate, _in_use) = own_gate();
    let observer = Observer::of(&gate);
    let pull = async {
        let received = JOBS.pull(std::future::pending::<()>()).settle(MOST).await;
        (received.is_none(), Instant::now())
    };
    let driver = async {
        gate.close();
        sleep(Duration::from_secs(1)).await;
        gate.abandon();
        assert_eq!((gate.cancelling(), observer.nothing_to_cancel()), (1, 0));
        Instant::now()
    };
    let ((is_none, ended), over) = tokio::join!(pull, driver);
    assert!(is_none);
    assert_eq!(ended, over);
    assert_eq!((gate.cancelling(), observer.nothing_to_cancel()), (0, 1));
    assert_eq!(gate.report(), []);
}

#[tokio::test(start_paused = true)]
async fn what_settles_and_nobody_polls_is_no_lost_work() {
    let (gate, _in_use) = own_gate();
    let mut pull = Box::pin(JOBS.pull(std::future::ready(7)).settle(MOST));
    let mut stuck = Box::pin(JOBS.pull(std::future::pending::<()>()).settle(MOST));
    assert!(futures_util::poll!(&mut stuck).is_pending());
    gate.close();
    gate.abandon();
    gate.give_up_cancelling();
    assert_eq!((gate.report(), gate.cancelling()), (vec![], 1));
    drop(stuck);
    assert!((&mut pull).await.is_none());
    assert_eq!((gate.report(), gate.in_flight()), (vec![], 0));
}

#[tokio::test(start_paused = true)]
async fn what_arrives_as_the_drain_ends_is_abandoned_and_not_forgotten() {
    for gives_up in [false, true] {
        let (gate, _in_use) = own_gate();
        let source = async {
            gate.close();
            gate.abandon();
            if gives_up {
                gate.give_up_cancelling();
            }
            7
        };
        let (_, guard) = JOBS.pull(source).settle(MOST).await.unwrap();
        assert_eq!(gate.cancelling(), 0);
        drop(guard);
        let report = &gate.report()[0];
        assert_eq!((report.at_start(), report.admitted(), report.abandoned()), (1, 1, 1));
        assert_eq!(report.finished_late(), 1);
    }
}

#[tokio::test]
async fn a_pull_that_settles_and_is_dropped_was_no_call() {
    let (gate, _in_use) = own_gate();
    let observer = Observer::of(&gate);
    let mut pull = Box::pin(JOBS.pull(std::future::pending::<()>()).settle(MOST));
    assert!((&mut pull).now_or_never().is_none());
    drop(pull);
    let mut pull = Box::pin(JOBS.pull(std::future::pending::<()>()).settle(MOST));
    assert!((&mut pull).now_or_never().is_none());
    gate.close();
    drop_as_lost(|| drop(pull));
    assert_eq!((gate.report(), gate.in_flight(), observer.seen()), (vec![], 0, (1, 1)));
}

#[tokio::test]
async fn pulls_that_settle_are_as_good_as_others_while_nobody_stops() {
    let (gate, _in_use) = own_gate();
    let (send, mut queue) = mpsc::channel(1);
    for message in 0..100 {
        tokio::select! {
            biased;
            _ = JOBS.pull(queue.recv()).settle(MOST) => panic!("nothing was sent"),
            () = std::future::ready(()) => {}
        }
        send.send(message).await.unwrap();
        assert_eq!(JOBS.pull(queue.recv()).settle(MOST).await.unwrap().0, Some(message));
    }
    assert_eq!(gate.in_flight(), 0);
}
