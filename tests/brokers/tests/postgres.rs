use std::time::Duration;

use lifecycle::work::{
    Source,
    postgres::{Job, Queue},
};
use lifecycle_brokers::{Broker, Postgres, QUEUE, checks};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::{sleep, timeout};

checks!(Postgres:
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
);

#[tokio::test]
async fn a_job_is_enqueued_with_its_transaction_and_received_when_that_is_committed() {
    let Some((_server, pool)) = start(4).await else { return };
    let queue = Queue::new(pool.clone(), QUEUE).poll_every(LONG);
    let mut transaction = pool.begin().await.unwrap();
    queue.enqueue_in(&mut *transaction, "mail", "never").await.unwrap();
    transaction.rollback().await.unwrap();
    let mut transaction = pool.begin().await.unwrap();
    let id = queue.enqueue_in(&mut *transaction, "mail", [0, 159]).await.unwrap();

    let commit = async {
        sleep(Duration::from_millis(200)).await;
        transaction.commit().await.unwrap();
    };
    let (job, ()) = tokio::join!(receive_within(LONG / 2, &queue), commit);
    let job = job.expect("it is woken");
    assert_eq!((job.id, &*job.kind, &*job.payload), (id, "mail", &[0, 159][..]));
    assert_eq!((queue.class(&job), queue.id(&job)), ("mail", id.to_string()));
}

#[tokio::test]
async fn a_failure_counts_and_waits_and_a_job_given_back_does_neither() {
    let Some((_server, pool)) = start(4).await else { return };
    let wait = Duration::from_millis(300);
    let queue = Queue::new(pool.clone(), QUEUE).retry_after(wait).poll_every(wait / 3).attempts(2);
    queue.enqueue("mail", "").await.unwrap();

    queue.give_back(receive(&queue).await).await.unwrap();
    let job = receive(&queue).await;
    assert_eq!(job.attempts, 0);
    let failed = std::time::Instant::now();
    queue.fail(job, "no such address").await.unwrap();
    let job = receive(&queue).await;
    assert!(failed.elapsed() >= wait, "{:?}", failed.elapsed());
    assert_eq!(job.attempts, 1);
    queue.fail(job, "still none").await.unwrap();

    assert!(receive_within(3 * wait, &queue).await.is_none(), "it has had its attempts");
    let error: String =
        sqlx::query_scalar("SELECT last_error FROM jobs").fetch_one(&pool).await.unwrap();
    assert_eq!(error, "still none");
}

#[tokio::test]
async fn a_lease_that_ran_out_was_an_attempt() {
    let Some((_server, pool)) = start(4).await else { return };
    let lease = Duration::from_millis(200);
    let queue = Queue::new(pool, QUEUE).lease(lease).poll_every(lease / 4).attempts(2);
    queue.enqueue("mail", "").await.unwrap();
    assert_eq!(receive(&queue).await.attempts, 0);
    assert_eq!(receive(&queue).await.attempts, 1);
    assert!(receive_within(3 * lease, &queue).await.is_none(), "it has had its attempts");
}

#[tokio::test]
async fn a_pool_of_one_connection_is_enough_and_is_closed_while_the_queue_listens() {
    let Some((_server, pool)) = start(1).await else { return };
    let queue = Queue::new(pool.clone(), QUEUE).poll_every(LONG);
    let close = async {
        sleep(Duration::from_millis(300)).await;
        queue.enqueue("mail", "").await.unwrap();
        sleep(Duration::from_millis(300)).await;
        timeout(Duration::from_secs(2), pool.close()).await.expect("it is closed");
        queue.quiet().await.unwrap();
    };
    let work = async {
        queue.ack(&receive(&queue).await).await.unwrap();
        queue.receive(1).await.unwrap()
    };
    let (left, ()) = timeout(LONG / 2, async { tokio::join!(work, close) }).await.unwrap();
    assert!(left.is_empty());
    let error = queue.enqueue("mail", "").await.unwrap_err().to_string();
    assert!(error.contains("Close the pool after the consumer has ended"), "{error}");
}

#[tokio::test]
async fn a_queue_listens_again_when_its_connections_were_cut() {
    let Some((server, pool)) = start(4).await else { return };
    let other = PgPool::connect(&server.url()).await.unwrap();
    let queue = Queue::new(pool, QUEUE).poll_every(Duration::from_secs(2));
    let cut = async {
        sleep(Duration::from_millis(300)).await;
        let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
        sqlx::query(all).execute(&other).await.unwrap();
        // Until it has looked at the table again.
        sleep(Duration::from_millis(2_500)).await;
        let began = std::time::Instant::now();
        Queue::new(other.clone(), QUEUE).enqueue("mail", "").await.unwrap();
        began
    };
    let (_, began) = tokio::join!(receive(&queue), cut);
    assert!(began.elapsed() < Duration::from_millis(1_000), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_error_names_the_queue_and_what_to_do() {
    let Some((_server, pool)) = start(4).await else { return };
    let queue = Queue::new(pool, "public.none");
    let errors =
        [queue.receive(1).await.unwrap_err(), queue.enqueue("mail", "").await.unwrap_err().into()];
    for error in errors.map(|error| error.to_string()) {
        assert!(error.contains("`public.none`"), "{error}");
        assert!(error.contains("`Queue::create_table` makes the table"), "{error}");
    }
    queue.create_table().await.unwrap();
    queue.create_table().await.unwrap();
    queue.enqueue("mail", "").await.unwrap();
    receive(&queue).await;
}

const LONG: Duration = Duration::from_secs(20);

async fn start(connections: u32) -> Option<(Postgres, PgPool)> {
    let server = Postgres::start().await?;
    let pool = PgPoolOptions::new().max_connections(connections).connect(&server.url()).await;
    Some((server, pool.unwrap()))
}

async fn receive(queue: &Queue) -> Job {
    receive_within(LONG, queue).await.expect("a job comes")
}

async fn receive_within(time: Duration, queue: &Queue) -> Option<Job> {
    let receive = async {
        loop {
            if let Some(job) = queue.receive(1).await.unwrap().pop() {
                break job;
            }
        }
    };
    timeout(time, receive).await.ok()
}
