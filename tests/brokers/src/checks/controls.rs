//! Workers that do it wrong, and are found out: without these, the other checks would show nothing.

use std::time::Duration;

use super::{audit::Audit, is_empty_within, is_so_within, stops::has_begun};
use crate::{Broker, CONCURRENCY, Fault, Ledger, PREFETCH, Setup};

/// What was acknowledged before it was worked on is lost at a stop.
pub async fn ack_before_the_work_is_found<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(folder.path());
    let setup = Setup::new(&broker, folder.path()).work(Duration::from_millis(500));
    let worker = setup.clone().fault(Fault::AcksFirst).start(program);
    broker.enqueue("long", 0..PREFETCH).await;
    assert!(has_begun(&ledger, &worker, CONCURRENCY).await, "{}", worker.log());
    assert!(is_empty_within(Duration::from_secs(10), &broker).await);
    worker.stop();
    worker.ended();
    let audit = Audit::of(&ledger, 0..PREFETCH);
    assert!(!audit.unfinished.is_empty(), "{audit:?}");
}

/// What was not given back is with nobody until its lease has run out.
pub async fn drop_is_found<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(folder.path());
    let setup = Setup::new(&broker, folder.path()).work(Duration::from_secs(60));
    let worker = setup.clone().fault(Fault::Drops).start(program);
    broker.enqueue("requeued", 0..CONCURRENCY).await;
    assert!(has_begun(&ledger, &worker, CONCURRENCY).await, "{}", worker.log());
    let waiting = setup.start(program);
    worker.stop();
    worker.ended();
    let begins = async || ledger.entries().iter().any(|entry| entry.pid == waiting.pid());
    assert!(!is_so_within(Duration::from_secs(2), begins).await, "{}", waiting.log());
}

/// A job that takes longer than a lease runs twice.
pub async fn no_renewal_is_found<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(folder.path());
    let setup = Setup::new(&broker, folder.path()).lease(Duration::from_secs(1));
    let setup = setup.work(Duration::from_millis(2_200)).fault(Fault::NeverRenews);
    let _workers = [setup.start(program), setup.start(program)];
    broker.enqueue("long", 0..CONCURRENCY).await;
    let repeats = async || !Audit::of(&ledger, 0..CONCURRENCY).repeated.is_empty();
    assert!(is_so_within(Duration::from_secs(10), repeats).await);
}
