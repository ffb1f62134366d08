use std::time::{Duration, Instant};

use async_nats::{
    HeaderMap,
    jetstream::{
        self,
        consumer::{AckPolicy, PullConsumer, pull},
        stream,
    },
};
use lifecycle::work::{
    Source,
    nats::{Job, Queue},
};
use lifecycle_brokers::{Broker, Nats, QUEUE, checks, checks::receive};
use tokio::time::sleep;

// A message whose lease has run out may be acknowledged by whoever had it, so there is no lost lease.
checks!(Nats:
    a_frozen_broker_does_not_hold_a_stop,
    a_job_longer_than_its_lease_runs_once,
    a_parked_receive_ends_at_a_stop,
    a_stop_asked_for_by_a_job_acknowledges_it,
    a_stopped_broker_does_not_hold_a_stop,
    ack_before_the_work_is_found,
    drop_is_found,
    kills_lose_nothing,
    no_renewal_is_found,
    stops_lose_nothing,
    what_was_acknowledged_is_known_to_the_broker_when_the_call_returns,
);

#[tokio::test]
async fn a_consumer_that_acknowledges_for_others_is_no_queue() {
    let Some(server) = Nats::start().await else { return };
    let error = Queue::new(consumer(&server, AckPolicy::All).await).unwrap_err().to_string();
    assert!(error.contains("`other/workers`") && error.contains("AckPolicy::Explicit"), "{error}");
}

#[tokio::test]
async fn a_class_is_the_end_of_the_subject_or_a_header() {
    let Some(server) = Nats::start().await else { return };
    let queue = Queue::new(consumer(&server, AckPolicy::Explicit).await).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Class", "urgent");
    let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let sent = context.publish_with_headers("other.mail.daily", headers, "hello".into()).await;
    sent.unwrap().await.unwrap();
    let job = receive(&queue).await;
    assert_eq!((queue.class(&job), &*queue.id(&job), job.deliveries()), ("daily", "1", 1));
    assert_eq!(
        (job.subject(), job.payload(), job.sequence()),
        ("other.mail.daily", &b"hello"[..], 1)
    );
    let queue = queue.class_header("Class");
    assert_eq!(queue.class(&job), "urgent");
    assert_eq!(queue.class_header("Kind").class(&job), "");
}

#[tokio::test]
async fn a_lease_that_has_passed_is_not_renewed_and_its_job_not_taken_from_who_has_it() {
    let Some(server) = Nats::start().await else { return };
    let lease = Duration::from_millis(500);
    let queue = server.queue(lease).await;
    server.enqueue("mail", 0..1).await;
    let late = receive(&queue).await;
    let job = receive(&queue).await;
    assert_eq!((late.sequence(), job.sequence(), job.deliveries()), (1, 1, 2));
    let error = queue.renew(&late).await.unwrap_err().to_string();
    assert!(error.contains("no longer with this worker") && error.contains("`jobs/"), "{error}");
    queue.give_back(late.clone()).await.unwrap();
    queue.fail(late, "too late").await.unwrap();
    for _ in 0..4 {
        sleep(lease / 3).await;
        queue.renew(&job).await.unwrap();
        assert!(queue.receive(1).await.unwrap().is_empty());
    }
    queue.ack(&job).await.unwrap();
    assert_eq!(server.left().await, 0);
}

#[tokio::test]
async fn a_job_that_failed_waits_before_it_is_delivered_again() {
    let Some(server) = Nats::start().await else { return };
    let delay = Duration::from_millis(600);
    let queue = server.queue(LONG).await.retry_after(delay);
    server.enqueue("mail", 0..1).await;
    let job = receive(&queue).await;
    let failed = Instant::now();
    queue.fail(job, "no such address").await.unwrap();
    assert_eq!(receive(&queue).await.deliveries(), 2);
    assert!(failed.elapsed() >= delay, "{:?}", failed.elapsed());
}

#[tokio::test]
async fn what_a_request_still_brings_after_the_stop_is_handed_over() {
    let Some(server) = Nats::start().await else { return };
    let queue = server.queue(LONG).await.pull_expires(Duration::from_secs(2));
    let stop = async {
        sleep(Duration::from_millis(100)).await;
        queue.quiet().await.unwrap();
        server.enqueue("mail", 0..1).await;
    };
    let (received, ()) = tokio::join!(queue.receive(5), stop);
    let [job] = <[Job; 1]>::try_from(received.unwrap()).unwrap();
    queue.give_back(job).await.unwrap();
    assert!(queue.receive(5).await.unwrap().is_empty());
    assert_eq!(receive(&server.queue(LONG).await).await.deliveries(), 2);
}

#[tokio::test]
async fn a_consumer_that_is_gone_is_an_error_that_names_it() {
    let Some(server) = Nats::start().await else { return };
    let queue = server.queue(LONG).await;
    let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    context.delete_stream(QUEUE).await.unwrap();
    let error = queue.receive(1).await.unwrap_err().to_string();
    assert!(error.contains("`jobs/workers`") && error.contains("is there"), "{error}");
}

const LONG: Duration = Duration::from_secs(20);

async fn consumer(server: &Nats, ack_policy: AckPolicy) -> PullConsumer {
    let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    // The stream of the server takes none that would not do.
    let (name, subjects) = ("other".to_owned(), vec!["other.>".to_owned()]);
    let stream = stream::Config { name, subjects, ..stream::Config::default() };
    let stream = context.create_stream(stream).await.unwrap();
    let durable_name = Some("workers".into());
    let config = pull::Config { durable_name, ack_policy, ..pull::Config::default() };
    stream.create_consumer(config).await.unwrap()
}
