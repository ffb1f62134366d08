use std::time::{Duration, Instant};

use lifecycle::work::{
    Source,
    redis::{Job, Queue},
};
use lifecycle_brokers::{Broker, QUEUE, Redis, checks};
use redis::{Client, FromRedisValue, aio::MultiplexedConnection, cmd};
use tokio::time::{sleep, timeout};

checks!(Redis:
    a_frozen_broker_does_not_hold_a_stop,
    a_job_longer_than_its_lease_runs_once,
    a_lost_lease_changes_nothing,
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
async fn a_job_keeps_its_id_and_its_fields_when_it_is_given_back() {
    let Some((server, mut connection)) = start().await else { return };
    let queue = server.queue(LONG).await;
    let id: String = ask(
        &mut connection,
        &["XADD", QUEUE, "*", "kind", "mail", "trace", "abc", "payload", "hello"],
    )
    .await;
    for _ in 0..3 {
        let job = receive(&queue).await;
        assert_eq!((&*job.id, &*job.kind, &*job.payload), (&*id, "mail", &b"hello"[..]));
        assert_eq!((job.attempts, queue.class(&job), queue.id(&job)), (0, "mail", id.clone()));
        queue.give_back(job).await.unwrap();
    }
    let entries: Vec<(String, Vec<String>)> =
        ask(&mut connection, &["XRANGE", QUEUE, "-", "+"]).await;
    let [(_, fields)] = &*entries else { panic!("{entries:?}") };
    let kept = ["id", &id, "attempts", "0", "kind", "mail", "trace", "abc", "payload", "hello"];
    assert_eq!(fields[..], kept);
}

#[tokio::test]
async fn a_lease_that_ran_out_was_an_attempt_and_a_job_that_failed_waits_for_that() {
    let Some((server, _)) = start().await else { return };
    let lease = Duration::from_millis(300);
    let queue = server.queue(lease).await;
    queue.enqueue("mail", "").await.unwrap();
    assert_eq!(receive(&queue).await.attempts, 0);
    let job = receive(&queue).await;
    assert_eq!(job.attempts, 1);
    let failed = Instant::now();
    queue.fail(job, "no such address").await.unwrap();
    let job = receive(&queue).await;
    assert!(failed.elapsed() >= lease, "{:?}", failed.elapsed());
    assert_eq!(job.attempts, 2);
    // That one counts for nothing, and what was before it stays.
    queue.give_back(job).await.unwrap();
    assert_eq!(receive(&queue).await.attempts, 2);
}

#[tokio::test]
async fn connections_that_were_cut_are_made_anew() {
    let Some((server, mut connection)) = start().await else { return };
    let queue = server.queue(LONG).await;
    queue.enqueue("mail", "first").await.unwrap();
    let job = receive(&queue).await;
    let cut = async {
        sleep(Duration::from_millis(100)).await;
        let _: i64 = ask(&mut connection, &["CLIENT", "KILL", "TYPE", "normal"]).await;
    };
    // A read that is cut may say so, and is begun anew by who reads.
    let (_, ()) = tokio::join!(timeout(Duration::from_secs(1), queue.receive(1)), cut);
    queue.ack(&job).await.expect("on a new connection");
    queue.enqueue("mail", "second").await.unwrap();
    assert_eq!(&*receive(&queue).await.payload, b"second");
}

#[tokio::test]
async fn a_server_that_was_emptied_is_begun_anew() {
    let Some((server, mut connection)) = start().await else { return };
    let queue = server.queue(LONG).await;
    queue.enqueue("mail", "").await.unwrap();
    queue.ack(&receive(&queue).await).await.unwrap();
    let () = ask(&mut connection, &["FLUSHALL"]).await;
    queue.enqueue("mail", "").await.unwrap();
    receive(&queue).await;
}

#[tokio::test]
async fn an_error_names_the_queue_and_what_to_do() {
    let Some((server, mut connection)) = start().await else { return };
    let () = ask(&mut connection, &["SET", QUEUE, "something else"]).await;
    let queue = server.queue(LONG).await;
    let error = queue.enqueue("mail", "").await.unwrap_err().to_string();
    assert!(error.contains("`jobs`") && error.contains("call the stream another"), "{error}");
    let nobody = Queue::new(Client::open("redis://127.0.0.1:1/").unwrap(), QUEUE);
    let error = nobody.receive(1).await.unwrap_err().to_string();
    assert!(error.contains("`jobs`") && error.contains("whether the server is up"), "{error}");
}

const LONG: Duration = Duration::from_secs(20);

async fn start() -> Option<(Redis, MultiplexedConnection)> {
    let server = Redis::start().await?;
    let client = Client::open(server.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    Some((server, connection))
}

async fn ask<T: FromRedisValue>(connection: &mut MultiplexedConnection, words: &[&str]) -> T {
    cmd(words[0]).arg(&words[1..]).query_async(connection).await.unwrap()
}

async fn receive(queue: &Queue) -> Job {
    timeout(LONG, queue.receive(1)).await.expect("in time").expect("an answer").remove(0)
}
