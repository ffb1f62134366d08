//! A broker that does not answer while its worker stops.

use std::time::Duration;

use super::stops::has_begun;
use crate::{Broker, CONCURRENCY, Ledger, Setup};

/// Its connections stay open, and nothing is answered.
pub async fn a_frozen_broker_does_not_hold_a_stop<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    is_gone_in_time(&broker, program, || broker.server().freeze()).await;
}

/// Nobody listens any more.
pub async fn a_stopped_broker_does_not_hold_a_stop<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    is_gone_in_time(&broker, program, || broker.server().stop()).await;
}

async fn is_gone_in_time(broker: &impl Broker, program: &str, take_away: impl FnOnce()) {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(folder.path());
    let grace_period = Duration::from_secs(3);
    let setup = Setup::new(broker, folder.path()).grace_period(grace_period);
    let worker = setup.work(Duration::from_millis(1_000)).start(program);
    broker.enqueue("long", 0..2 * CONCURRENCY).await;
    assert!(has_begun(&ledger, &worker, CONCURRENCY).await, "{}", worker.log());
    take_away();
    worker.stop();
    let ended = worker.ended();
    assert!(ended.after < grace_period, "{:?}: {}", ended.after, ended.log);
    assert!(!ended.status.success(), "{}", ended.log);
    println!("{}\n{:?}", ended.log, ended.report);
}
