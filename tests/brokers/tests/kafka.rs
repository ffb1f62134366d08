use std::time::{Duration, Instant};

use futures_util::future::join_all;
use lifecycle::work::Source;
use lifecycle_brokers::{
    Broker, CONCURRENCY, Kafka, PARTITIONS, QUEUE, attempts, checks, kafka_config, kafka_queue,
};
use lifecycle_kafka::{Job, Queue};
use tokio::time::{sleep, timeout};

// What was not given back goes to another worker with its partition, so "drop" cannot be found.
checks!(Kafka:
    a_frozen_broker_does_not_hold_a_stop,
    a_job_longer_than_its_lease_runs_once,
    a_parked_receive_ends_at_a_stop,
    a_stop_asked_for_by_a_job_acknowledges_it,
    a_stopped_broker_does_not_hold_a_stop,
    ack_before_the_work_is_found,
    kills_lose_nothing,
    stops_lose_nothing,
    what_was_acknowledged_is_known_to_the_broker_when_the_call_returns,
);

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_waits_for_the_job_in_hand_which_nobody_else_is_given() {
    attempts::<Kafka>(async || {
        let Some(server) = Kafka::start().await else { return };
        let holder = server.queue(LONG).await;
        server.enqueue("mail", 0..PARTITIONS).await;
        let jobs = receive_all(&holder, PARTITIONS).await;
        let other = server.queue(LONG).await;
        // The other one has joined by then, and has nothing.
        assert!(timeout(Duration::from_secs(4), receive(&other)).await.is_err());
        for job in &jobs {
            holder.renew(job).await.expect("it is its own");
            holder.ack(job).await.expect("it is its own");
        }
        assert_eq!(server.left().await, 0);
        // Half of the partitions went over, and all of them go on.
        server.enqueue("mail", 0..PARTITIONS).await;
        let (mine, others) =
            tokio::join!(receive_until_silent(&holder), receive_until_silent(&other));
        assert_eq!(mine.len() + others.len(), PARTITIONS);
        assert!(!mine.is_empty() && !others.is_empty(), "{} and {}", mine.len(), others.len());
        let again = |job: &Job| jobs.iter().any(|then| holder.id(then) == holder.id(job));
        assert!(!mine.iter().chain(&others).any(again), "a job ran twice");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_a_rebalance_does_not_wait_for_is_lost_and_begins_elsewhere_once_it_is_dropped()
{
    attempts::<Kafka>(async || {
        let Some(server) = Kafka::start().await else { return };
        let holder = server.queue(LONG).await.rebalance_wait(Duration::from_millis(100));
        server.enqueue("mail", 0..PARTITIONS).await;
        let mut jobs = receive_all(&holder, PARTITIONS).await;
        let other = server.queue(LONG).await;
        let lost = timeout(LONG, async {
            loop {
                for (at, job) in jobs.iter().enumerate() {
                    if let Err(error) = holder.renew(job).await {
                        return (at, error.to_string());
                    }
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
        let (at, error) = lost.await.expect("the rebalance takes some");
        let job = jobs.remove(at);
        let id = holder.id(&job);
        assert!(error.contains(&id) && error.contains("no longer with this worker"), "{error}");
        let error = holder.ack(&job).await.expect_err("it is another's").to_string();
        assert!(error.contains(&id) && error.contains("`jobs`"), "{error}");
        holder.give_back(job.clone()).await.expect("nothing is to be done");
        // Its handler goes on, so nobody has begun it.
        assert!(timeout(Duration::from_secs(1), receive(&other)).await.is_err());
        drop((job, jobs));
        receive(&other).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_failed_is_the_next_of_its_partition_when_its_time_has_come() {
    let Some(server) = Kafka::start().await else { return };
    let delay = Duration::from_millis(600);
    let queue = server.queue(LONG).await.retry_after(delay);
    // The second is behind the first in a partition.
    server.enqueue("mail", 0..1).await;
    server.enqueue("mail", 0..1).await;
    let job = receive(&queue).await;
    assert_eq!((job.offset(), job.failures()), (0, 0));
    let failed = Instant::now();
    queue.fail(job, "no such address").await.unwrap();
    let again = receive(&queue).await;
    assert!(failed.elapsed() >= delay, "{:?}", failed.elapsed());
    assert_eq!((again.offset(), again.failures()), (0, 1));
    queue.ack(&again).await.unwrap();
    assert_eq!(receive(&queue).await.offset(), 1);
    assert_eq!(server.left().await, 1);
    queue.ack(&again).await.expect_err("it was decided before");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_drops_without_a_word_is_handed_out_again() {
    let Some(server) = Kafka::start().await else { return };
    let queue = server.queue(LONG).await;
    server.enqueue("mail", 0..1).await;
    let job = receive(&queue).await;
    let handler = job.clone();
    drop(job);
    assert!(timeout(Duration::from_millis(300), receive(&queue)).await.is_err());
    drop(handler);
    assert_eq!(receive(&queue).await.offset(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_is_the_topic_or_a_header() {
    let Some(server) = Kafka::start().await else { return };
    server.enqueue("urgent", 7..8).await;
    let queue = server.queue(LONG).await;
    let job = receive(&queue).await;
    assert_eq!((queue.class(&job), queue.id(&job)), ("urgent", format!("{QUEUE}/7/0")));
    assert_eq!((job.payload(), job.topic(), job.partition()), (&b"7"[..], QUEUE, 7));
    let queue = queue.class_header("no such header");
    assert_eq!(queue.class(&job), "");
    let mut config = kafka_config(&server.url());
    config.set("group.id", "others");
    assert_eq!(Queue::new(&config, &[QUEUE]).unwrap().class(&job), QUEUE);
}

/// librdkafka keeps what is paused over the assignments.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_whose_fetching_pauses_goes_on_where_it_leaves_and_comes_back() {
    attempts::<Kafka>(async || {
        let Some(server) = Kafka::start().await else { return };
        // So many in each that fetching pauses.
        for _ in 0..100 {
            server.enqueue("mail", 0..PARTITIONS).await;
        }
        let holder = server.queue(LONG).await;
        let jobs = receive_all(&holder, PARTITIONS).await;
        sleep(Duration::from_millis(500)).await;
        for job in jobs {
            holder.ack(&job).await.expect("it is its own");
        }
        let other = server.queue(LONG).await;
        let theirs = receive_all(&other, PARTITIONS / 2).await;
        other.quiet().await.unwrap();
        for job in theirs {
            other.give_back(job).await.expect("it is its own");
        }
        drop(other);
        while server.left().await > 0 {
            let jobs = receive_all(&holder, 1).await;
            for acked in join_all(jobs.iter().map(|job| holder.ack(job))).await {
                acked.expect("it is its own");
            }
        }
    })
    .await;
}

/// The figure of Kafka: from giving the jobs of all partitions back to their arrival at a worker
/// that waits. It is told of the change by its next heartbeat (100 ms here), and the mock cluster lets a
/// second pass.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_stop_gives_back_is_with_another_worker_when_this_one_has_left_the_group() {
    attempts::<Kafka>(async || {
        let Some(server) = Kafka::start().await else { return };
        server.enqueue("mail", 0..CONCURRENCY).await;
        let mut holder = server.queue(LONG).await;
        let mut jobs = receive_all(&holder, CONCURRENCY).await;
        let mut times = Vec::new();
        for _ in 0..5 {
            let waiting = server.queue(LONG).await;
            // It has joined, and the partitions that are to move wait for their jobs.
            sleep(Duration::from_secs(3)).await;
            let began = Instant::now();
            holder.quiet().await.unwrap();
            for job in jobs.drain(..) {
                holder.give_back(job).await.expect("it is its own");
            }
            drop(holder);
            jobs = receive_all(&waiting, CONCURRENCY).await;
            times.push(began.elapsed());
            holder = waiting;
        }
        times.sort_unstable();
        println!(
            "kafka: given back to a worker that waits, with a second of the mock's: {times:?}"
        );
        assert!(times[2] < Duration::from_secs(8), "{times:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_that_cannot_be_reached_is_said_and_holds_nobody() {
    let queue = kafka_queue("kafka://127.0.0.1:1").unwrap();
    let error = timeout(LONG, async {
        loop {
            if let Err(error) = queue.receive(1).await {
                break error.to_string();
            }
        }
    });
    let error = error.await.expect("it is said");
    assert!(error.contains("`jobs`") && error.contains("can be reached"), "{error}");
    let began = Instant::now();
    timeout(LONG, queue.quiet()).await.expect("in time").unwrap();
    drop(queue);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

const LONG: Duration = Duration::from_secs(20);

/// So many, as far as they come.
async fn receive_all(queue: &Queue, count: usize) -> Vec<Job> {
    let mut jobs = Vec::new();
    let received = timeout(LONG, async {
        while jobs.len() < count {
            jobs.extend(queue.receive(count).await.expect("an answer"));
        }
    });
    received.await.unwrap_or_else(|_| panic!("{} of {count} came", jobs.len()));
    jobs
}

/// Until nothing came for two seconds.
async fn receive_until_silent(queue: &Queue) -> Vec<Job> {
    let (mut jobs, mut last) = (Vec::new(), Instant::now());
    while jobs.is_empty() || last.elapsed() < Duration::from_secs(2) {
        let received = queue.receive(100).await.expect("an answer");
        if !received.is_empty() {
            (last, _) = (Instant::now(), jobs.extend(received));
        }
        assert!(last.elapsed() < LONG, "nothing comes");
    }
    jobs
}

async fn receive(queue: &Queue) -> Job {
    receive_all(queue, 1).await.remove(0)
}
