//! What is measured has the machine for itself: one test, in a program of its own.

use lifecycle_brokers::{
    Broker, Nats, Postgres, RabbitMq, Redis, Sqs,
    checks::{
        a_given_back_job_is_with_a_waiting_worker_at_once,
        what_a_stop_gives_back_begins_elsewhere_at_once,
    },
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_brokers-worker");

#[tokio::test(flavor = "multi_thread")]
async fn a_given_back_job_is_with_a_waiting_worker_within_200_ms() {
    measure::<Postgres>().await;
    measure::<Redis>().await;
    // Who gives a job back gets it back, unless it has stopped.
    what_a_stop_gives_back_begins_elsewhere_at_once::<RabbitMq>(PROGRAM).await;
    measure::<Nats>().await;
    // That of moto looks whether a message is visible again, and a worker waits for its answer.
    a_given_back_job_is_with_a_waiting_worker_at_once::<Sqs>().await;
}

async fn measure<B: Broker>() {
    a_given_back_job_is_with_a_waiting_worker_at_once::<B>().await;
    what_a_stop_gives_back_begins_elsewhere_at_once::<B>(PROGRAM).await;
}
