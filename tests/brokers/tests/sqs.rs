use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use aws_sdk_sqs::{Client, types::QueueAttributeName};
use lifecycle::work::{
    Source,
    sqs::{Job, Queue},
};
use lifecycle_brokers::{Broker, QUEUE, Sqs, checks, checks::receive, sqs_client, sqs_queue};
use tokio::time::{sleep, timeout};
use tracing_subscriber::{fmt::MakeWriter, util::SubscriberInitExt};

// Who had a message may delete it, also when its lease has run out, so there is no lost lease. A
// parked receive comes back by itself.
checks!(Sqs:
    a_frozen_broker_does_not_hold_a_stop,
    a_job_longer_than_its_lease_runs_once,
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
async fn what_is_no_queue_is_an_error_that_names_it_and_what_to_do() {
    let Some(server) = Sqs::start().await else { return };
    let error = sqs_queue(&format!("{}-of-nobody", server.url())).await.unwrap_err().to_string();
    assert!(error.contains("`jobs-of-nobody`") && error.contains("Create it"), "{error}");
    server.server().stop();
    let error = sqs_queue(&server.url()).await.unwrap_err().to_string();
    assert!(error.contains("`jobs`") && error.contains("can be reached"), "{error}");
    assert!(error.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_queue_that_is_gone_is_an_error_that_names_it() {
    let Some(server) = Sqs::start().await else { return };
    let queue = server.queue(LONG).await;
    let (client, url) = client(&server);
    client.delete_queue().queue_url(url).send().await.unwrap();
    let error = queue.receive(1).await.unwrap_err().to_string();
    assert!(error.contains("`jobs`") && error.contains("Create it"), "{error}");
}

#[tokio::test]
async fn a_job_has_what_was_sent_and_its_class_is_an_attribute() {
    let Some(server) = Sqs::start().await else { return };
    let queue = server.queue(LONG).await;
    server.enqueue("mail", 7..8).await;
    let job = receive(&queue).await;
    assert_eq!((job.body(), job.deliveries(), queue.class(&job)), ("7", 1, "mail"));
    assert_eq!((queue.id(&job), job.message_id().len()), (job.message_id().to_owned(), 36));
    assert_eq!(job.attributes().unwrap()["kind"].string_value(), Some("mail"));
    let id = job.message_id().to_owned();
    let queue = queue.class_attribute("Class");
    assert_eq!(queue.class(&job), "");
    queue.give_back(job).await.unwrap();
    let job = receive(&queue).await;
    assert_eq!((job.message_id(), job.deliveries()), (&*id, 2));
    let (client, url) = client(&server);
    assert_eq!(Queue::new(client, url).await.unwrap().class(&job), "");
}

#[tokio::test]
async fn a_request_brings_ten_jobs_at_most() {
    let Some(server) = Sqs::start().await else { return };
    let queue = server.queue(LONG).await;
    server.enqueue("mail", 0..13).await;
    assert_eq!(queue.receive(50).await.unwrap().len(), 10);
    assert_eq!(queue.receive(2).await.unwrap().len(), 2);
    assert_eq!(queue.receive(50).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lease_that_has_passed_is_not_renewed_and_its_job_not_taken_from_who_has_it() {
    let Some(server) = Sqs::start().await else { return };
    let lease = Duration::from_millis(1_020);
    let queue = server.queue(lease).await.wait(Duration::ZERO);
    server.enqueue("mail", 0..1).await;
    let late = receive(&queue).await;
    sleep(lease).await;
    // SQS counts the whole second, and this worker not.
    assert!(queue.receive(1).await.unwrap().is_empty());
    let error = queue.renew(&late).await.unwrap_err().to_string();
    assert!(error.contains("no longer with this worker") && error.contains("`jobs`"), "{error}");
    let queue = queue.lease(Duration::from_secs(2)).retry_after(Duration::ZERO);
    let job = receive(&queue).await;
    assert_eq!((late.message_id(), late.deliveries()), (job.message_id(), 1));
    assert_eq!(job.deliveries(), 2);
    queue.give_back(late.clone()).await.unwrap();
    assert!(queue.receive(1).await.unwrap().is_empty());
    queue.fail(late, "too late").await.unwrap();
    assert!(queue.receive(1).await.unwrap().is_empty());
    for _ in 0..3 {
        sleep(Duration::from_millis(800)).await;
        queue.renew(&job).await.unwrap();
        assert!(queue.receive(1).await.unwrap().is_empty());
    }
    queue.ack(&job).await.unwrap();
    assert_eq!(server.left().await, 0);
}

#[tokio::test]
async fn a_lease_is_the_visibility_timeout_of_the_queue_where_none_is_said() {
    let Some(server) = Sqs::start().await else { return };
    for (seconds, lease) in [("30", 30), ("45", 45), ("0", 30)] {
        set(&server, QueueAttributeName::VisibilityTimeout, seconds).await;
        let queue = sqs_queue(&server.url()).await.unwrap();
        assert_eq!(Source::lease(&queue), Some(Duration::from_secs(lease)));
    }
    let years = server.queue(Duration::MAX).await;
    assert_eq!(Source::lease(&years), Some(Duration::from_secs(12 * 60 * 60)));
    server.enqueue("mail", 0..1).await;
    receive(&years).await;
}

#[tokio::test]
async fn a_job_that_failed_waits_before_it_is_delivered_again() {
    let Some(server) = Sqs::start().await else { return };
    let queue = server.queue(LONG).await;
    server.enqueue("mail", 0..1).await;
    let (job, failed) = (receive(&queue).await, Instant::now());
    queue.fail(job, "no such address").await.unwrap();
    let job = receive(&queue).await;
    assert_eq!(job.deliveries(), 2);
    assert!(failed.elapsed() >= Duration::from_secs(1), "{:?}", failed.elapsed());
    let queue = queue.retry_after(Duration::ZERO);
    let (mut job, mut times) = (job, Vec::new());
    for _ in 0..5 {
        let failed = Instant::now();
        queue.fail(job, "no such address").await.unwrap();
        job = receive(&queue).await;
        times.push(failed.elapsed());
    }
    assert!(times.iter().any(|time| *time < Duration::from_millis(900)), "{times:?}");
}

#[tokio::test]
async fn a_stop_waits_a_second_for_the_request_that_is_under_way_and_there_is_none_after_it() {
    let Some(server) = Sqs::start().await else { return };
    let queue = server.queue(LONG).await;
    let stop = async {
        sleep(Duration::from_millis(100)).await;
        queue.quiet().await.unwrap();
    };
    let began = Instant::now();
    let (received, ()) = tokio::join!(queue.receive(5), stop);
    assert!(received.unwrap().is_empty());
    let took = began.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(4), "{took:?}");
    server.enqueue("mail", 0..1).await;
    assert!(queue.receive(5).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_request_still_brings_after_the_stop_is_handed_over() {
    let Some(server) = Sqs::start().await else { return };
    let queue = server.queue(LONG).await.wait(Duration::from_secs(2));
    let stop = async {
        sleep(Duration::from_millis(100)).await;
        queue.quiet().await.unwrap();
        server.enqueue("mail", 0..1).await;
    };
    let (received, ()) = tokio::join!(queue.receive(5), stop);
    let [job] = <[Job; 1]>::try_from(received.unwrap()).unwrap();
    queue.give_back(job).await.unwrap();
    assert_eq!(receive(&server.queue(LONG).await).await.deliveries(), 2);
}

#[tokio::test]
async fn a_request_that_is_not_answered_is_given_up() {
    let Some(server) = Sqs::start().await else { return };
    let queue = server.queue(LONG).await;
    server.enqueue("mail", 0..1).await;
    let job = receive(&queue).await;
    server.server().freeze();
    let all = async { tokio::join!(queue.receive(1), queue.ack(&job), queue.renew(&job)) };
    let (received, acknowledged, renewed) = timeout(LONG, all).await.expect("in time");
    for error in [received.map(drop), acknowledged, renewed].map(Result::unwrap_err) {
        let error = error.to_string();
        assert!(error.contains("`jobs`") && error.contains("there is no answer"), "{error}");
    }
}

#[tokio::test]
async fn a_queue_whose_jobs_are_dead_letters_after_one_stop_is_warned_of() {
    let Some(server) = Sqs::start().await else { return };
    let (client, _) = client(&server);
    client.create_queue().queue_name("dead").send().await.unwrap();
    let log = Log::default();
    let writer = log.clone();
    let _log = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).set_default();
    for (count, is_warned) in [(2, false), (1, true)] {
        let dead = "arn:aws:sqs:us-east-1:123456789012:dead";
        let policy = format!(r#"{{"deadLetterTargetArn":"{dead}","maxReceiveCount":{count}}}"#);
        set(&server, QueueAttributeName::RedrivePolicy, &policy).await;
        sqs_queue(&server.url()).await.unwrap();
        let said = std::mem::take(&mut *log.lines());
        let said = String::from_utf8(said).unwrap();
        let warning = said.contains(&format!("`{QUEUE}`")) && said.contains("maxReceiveCount");
        assert_eq!(warning, is_warned, "{count}: {said}");
    }
}

const LONG: Duration = Duration::from_secs(20);

fn client(server: &Sqs) -> (Client, String) {
    let url = server.url().replacen("sqs:", "http:", 1);
    (sqs_client(&url), url)
}

async fn set(server: &Sqs, name: QueueAttributeName, value: &str) {
    let (client, url) = client(server);
    client.set_queue_attributes().queue_url(url).attributes(name, value).send().await.unwrap();
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'writer> MakeWriter<'writer> for Log {
    type Writer = Self;

    fn make_writer(&'writer self) -> Self {
        self.clone()
    }
}
