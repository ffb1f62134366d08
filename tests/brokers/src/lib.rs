//! Workers with real brokers: stopped at any moment, killed, and left alone by their broker.
//!
//! A [`Broker`] is a server of its own with one queue. A [`Worker`] is a process that works on it and
//! writes into a [`Ledger`] what it does. [`checks`] are what each broker is held to: one file in
//! `tests/` for each names them.

mod broker;
pub mod checks;
mod kafka;
mod ledger;
mod nats;
mod postgres;
mod rabbitmq;
mod redis;
mod sqs;
mod worker;

pub use self::{
    broker::{Broker, Server, all_is_demanded, attempts, free_port},
    kafka::{Kafka, PARTITIONS, kafka_config, kafka_queue},
    ledger::{Entry, Ledger},
    nats::{Nats, nats_queue},
    postgres::Postgres,
    rabbitmq::{RabbitMq, rabbitmq_queue},
    redis::Redis,
    sqs::{Sqs, sqs_client, sqs_queue},
    worker::{Ended, Fault, Setup, Worker},
};

/// How many jobs a worker works on at once.
pub const CONCURRENCY: usize = 16;

/// How many it holds at once.
pub const PREFETCH: usize = 50;

/// What the queue is called with every broker.
pub const QUEUE: &str = "jobs";
