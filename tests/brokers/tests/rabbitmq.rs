use std::{sync::Arc, time::Duration};

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use lifecycle::work::{
    Source,
    rabbitmq::{Job, Queue},
};
use lifecycle_brokers::{Broker, QUEUE, RabbitMq, checks, rabbitmq_queue};
use tokio::time::{sleep, timeout};

// A job is with its worker for as long as the connection, and goes back by itself when that ends: no
// lease is lost or renewed, and what a worker forgets is found by nobody.
checks!(RabbitMq:
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

#[tokio::test]
async fn what_was_fetched_ahead_goes_back_to_its_place_and_running_jobs_are_acknowledged_after() {
    let Some(server) = RabbitMq::start().await else { return };
    server.enqueue("mail", 0..10).await;
    let (_connection, queue) = rabbitmq_queue(&server.url()).await.unwrap();
    let job = receive(&queue).await;
    assert_eq!((job.body(), job.redelivered(), queue.class(&job)), (&b"0"[..], false, "mail"));
    queue.quiet().await.unwrap();
    assert!(queue.receive(5).await.unwrap().is_empty());
    let other = server.queue(LONG).await;
    for number in 1..10 {
        assert_eq!(receive(&other).await.body(), number.to_string().as_bytes());
    }
    queue.ack(&job).await.expect("its channel is open");
    assert_eq!(server.left().await, 9);
}

#[tokio::test]
async fn a_job_of_a_closed_connection_cannot_be_acknowledged_and_is_delivered_again() {
    let Some(server) = RabbitMq::start().await else { return };
    server.enqueue("mail", 0..1).await;
    let (connection, queue) = rabbitmq_queue(&server.url()).await.unwrap();
    let job = receive(&queue).await;
    queue.renew(&job).await.expect("its channel is open");
    connection.close(200, "too early".into()).await.unwrap();
    for lost in [queue.ack(&job).await, queue.renew(&job).await, queue.give_back(job).await] {
        let error = lost.expect_err("its channel is closed").to_string();
        assert!(error.contains("`jobs`") && error.contains("delivers"), "{error}");
    }
    queue.receive(1).await.expect_err("the connection is closed");
    assert!(receive(&server.queue(LONG).await).await.redelivered());
}

#[tokio::test]
async fn a_connection_that_comes_back_brings_no_job_of_the_one_that_was_lost() {
    let Some(server) = RabbitMq::start().await else { return };
    server.enqueue("mail", 0..20).await;
    let properties = ConnectionProperties::default().enable_auto_recover();
    let connection = Connection::connect(&server.url(), properties).await.unwrap();
    let queue = Queue::new(Arc::new(connection), QUEUE).prefetch(10);
    let lost = receive(&queue).await;
    server.ask(r#"rabbit_networking:close_all_user_connections(<<"guest">>, <<"a test">>)."#);
    queue.ack(&lost).await.expect_err("its channel is closed");
    let mut numbers = Vec::new();
    while numbers.len() < 20 {
        // A receive may say that the connection was lost.
        for job in timeout(LONG, queue.receive(20)).await.expect("in time").unwrap_or_default() {
            numbers.push(String::from_utf8_lossy(job.body()).parse::<usize>().unwrap());
            queue.ack(&job).await.expect("it is of this connection");
        }
    }
    assert_eq!(numbers, Vec::from_iter(0..20));
}

#[tokio::test]
async fn a_queue_that_was_deleted_is_consumed_again_once_it_is_there() {
    let Some(server) = RabbitMq::start().await else { return };
    let connection = Connection::connect(&server.url(), ConnectionProperties::default()).await;
    let connection = Arc::new(connection.unwrap());
    let channel = connection.create_channel().await.unwrap();
    let queue = Queue::new(Arc::clone(&connection), "mails");
    let error = queue.receive(1).await.unwrap_err().to_string();
    assert!(error.contains("`mails`") && error.contains("is declared"), "{error}");
    declare(&channel, "mails", FieldTable::default()).await;
    let deleted = async {
        sleep(Duration::from_millis(100)).await;
        channel.queue_delete("mails".into(), Default::default()).await.unwrap();
    };
    let (error, ()) = tokio::join!(queue.receive(1), deleted);
    assert!(error.unwrap_err().to_string().contains("`mails`"));
    declare(&channel, "mails", FieldTable::default()).await;
    publish(&channel, "mails").await;
    receive(&queue).await;
}

#[tokio::test]
async fn a_job_that_failed_is_delivered_again_or_dead_lettered() {
    let Some(server) = RabbitMq::start().await else { return };
    let connection = Connection::connect(&server.url(), ConnectionProperties::default()).await;
    let connection = Arc::new(connection.unwrap());
    let channel = connection.create_channel().await.unwrap();
    let mut dead = FieldTable::default();
    dead.insert("x-dead-letter-exchange".into(), AMQPValue::LongString("".into()));
    dead.insert("x-dead-letter-routing-key".into(), AMQPValue::LongString("dead".into()));
    declare(&channel, "mails", dead).await;
    declare(&channel, "dead", FieldTable::default()).await;
    publish(&channel, "mails").await;
    let queue = Queue::new(Arc::clone(&connection), "mails");
    queue.fail(receive(&queue).await, "no such address").await.unwrap();
    let job = receive(&queue).await;
    assert!(job.redelivered());
    queue.give_back(job).await.unwrap();
    queue.quiet().await.unwrap();
    let queue = Queue::new(connection, "mails").dead_letter_failed();
    queue.fail(receive(&queue).await, "no such address").await.unwrap();
    let is_dead = async || channel.basic_get("dead".into(), Default::default()).await.unwrap();
    while is_dead().await.is_none() {
        sleep(Duration::from_millis(5)).await;
    }
}

const LONG: Duration = Duration::from_secs(20);

async fn declare(channel: &Channel, name: &str, arguments: FieldTable) {
    let durable = QueueDeclareOptions::durable();
    channel.queue_declare(name.into(), durable, arguments).await.unwrap();
}

async fn publish(channel: &Channel, to: &str) {
    let properties = BasicProperties::default();
    channel.basic_publish("".into(), to.into(), Default::default(), b"", properties).await.unwrap();
}

async fn receive(queue: &Queue) -> Job {
    timeout(LONG, queue.receive(1)).await.expect("in time").expect("an answer").remove(0)
}
