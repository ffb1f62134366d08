//! Workers with real brokers: stopped at any moment, killed, and left alone by their broker.
//!
//! A [`Broker`] is a server of its own with one queue. A [`Worker`] is a process that works on it and
//! writes into a [`Ledger`] what it does. Each broker has one
//! file in `tests/`.

mod broker;
mod ledger;
mod postgres;
mod redis;
mod worker;

pub use self::{
    broker::{Broker, Server, all_is_demanded, free_port},
    ledger::{Entry, Ledger},
    postgres::Postgres,
    redis::Redis,
    worker::{Ended, Fault, Setup, Worker},
};

/// What the queue is called with every broker.
pub const QUEUE: &str = "jobs";
