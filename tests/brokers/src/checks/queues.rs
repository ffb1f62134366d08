//! The queue alone, without a worker.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use lifecycle::work::Source;
use tokio::time::{sleep, timeout};

use super::figures;
use crate::{Broker, QUEUE};

const LONG: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(20);

/// A worker whose job was delivered to another can neither acknowledge it nor give it back.
pub async fn a_lost_lease_changes_nothing<B: Broker>(_: &str) {
    let Some(broker) = B::start().await else { return };
    let lease = Duration::from_millis(400);
    let (late, second) = (broker.queue(lease).await, broker.queue(LONG / 2).await);
    broker.enqueue("job", 0..1).await;
    let job = receive(&late).await;
    // Each takes what has been idle for its own lease.
    let third = broker.queue(lease).await;
    let taken = receive(&third).await;

    for lost in [
        late.ack(&job).await,
        late.renew(&job).await,
        late.give_back(job.clone()).await,
        late.fail(job, "too late").await,
    ] {
        let error = lost.expect_err("it is another's").to_string();
        assert!(error.contains("no longer with this worker") && error.contains(QUEUE), "{error}");
    }
    assert_eq!(broker.left().await, 1);
    let received = timeout(Duration::from_millis(100), second.receive(1)).await;
    assert!(received.is_err() || received.is_ok_and(|jobs| jobs.is_ok_and(|jobs| jobs.is_empty())));
    third.ack(&taken).await.expect("it is still its own");
    assert_eq!(broker.left().await, 0);
    third.ack(&taken).await.expect_err("it is gone");
}

/// When an acknowledgement has completed, the broker has it: one that is frozen meanwhile is waited for.
pub async fn what_was_acknowledged_is_known_to_the_broker_when_the_call_returns<B: Broker>(
    _: &str,
) {
    let Some(broker) = B::start().await else { return };
    broker.enqueue("mail", 0..1).await;
    let queue = broker.queue(LONG).await;
    let job = receive(&queue).await;
    broker.server().freeze();
    let mut ack = pin!(queue.ack(&job));
    assert!(timeout(Duration::from_millis(300), &mut ack).await.is_err(), "nobody has heard it");
    broker.server().thaw();
    ack.await.expect("it is heard");
    assert_eq!(broker.left().await, 0);
}

/// From the call that gives a job back to its arrival at a worker that waits.
pub async fn a_given_back_job_is_with_a_waiting_worker_at_once<B: Broker>() {
    let Some(broker) = B::start().await else { return };
    let mut holder = Arc::new(broker.queue(LONG).await);
    let mut waiting = Arc::new(broker.queue(LONG).await);
    broker.enqueue("job", 0..1).await;
    let mut job = receive(&*holder).await;
    let mut times = Vec::new();
    for _ in 0..100 {
        let other = Arc::clone(&waiting);
        let received = tokio::spawn(async move { (receive(&*other).await, Instant::now()) });
        // Until it waits.
        sleep(Duration::from_millis(15)).await;
        let began = Instant::now();
        holder.give_back(job).await.expect("it is its own");
        let at;
        (job, at) = received.await.expect("a job");
        times.push(at.saturating_duration_since(began));
        (holder, waiting) = (waiting, holder);
    }
    let (_, p95) = figures(&format!("{}: a job given back to one who receives it", B::NAME), times);
    assert!(p95 < Duration::from_millis(200), "{p95:?}");
}

/// A receive that waits for jobs comes back when its worker stops, and one after that at once.
pub async fn a_parked_receive_ends_at_a_stop<B: Broker>(_: &str) {
    let Some(broker) = B::start().await else { return };
    for _ in 0..10 {
        let queue = Arc::new(broker.queue(LONG).await);
        let parked = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.receive(50).await.expect("a receive").len() }
        });
        sleep(Duration::from_millis(fastrand::u64(0..60))).await;
        let began = Instant::now();
        queue.quiet().await.expect("it is quiet");
        assert_eq!(parked.await.expect("a receive"), 0);
        assert_eq!(queue.receive(50).await.expect("a receive").len(), 0);
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }
    // It held nothing that a worker now misses.
    broker.enqueue("job", 0..1).await;
    receive(&broker.queue(LONG).await).await;
}

/// The next job of a queue that may bring none at times.
///
/// # Panics
/// When none comes within 20 s.
pub async fn receive<S: Source>(queue: &S) -> S::Job {
    let received = timeout(PATIENCE, async {
        loop {
            if let Some(job) = queue.receive(1).await.expect("a receive").pop() {
                break job;
            }
        }
    });
    received.await.expect("a job comes")
}
