//! A broker that does not answer while its worker stops.

use std::{path::Path, time::Duration};

use super::{
    audit::Audit,
    is_empty_within,
    stops::{PATIENCE, has_begun},
};
use crate::{Broker, CONCURRENCY, Ledger, Setup, Worker};

const GRACE_PERIOD: Duration = Duration::from_secs(3);
const JOBS: usize = 2 * CONCURRENCY;

/// Its connections stay open, and nothing is answered. Once it answers again, another worker has what
/// was left.
pub async fn a_frozen_broker_does_not_hold_a_stop<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, setup) = (Ledger::open(folder.path()), setup(&broker, folder.path()));
    is_gone_in_time(&broker, setup.start(program), &ledger, || broker.server().freeze()).await;
    broker.server().thaw();
    let another = setup.start(program);
    let is_empty = is_empty_within(PATIENCE, &broker).await;
    assert!(is_empty, "{} jobs are left\n{}", broker.left().await, another.log());
    assert_eq!(Audit::of(&ledger, 0..JOBS).unfinished, Vec::<usize>::new());
}

/// Nobody listens any more.
pub async fn a_stopped_broker_does_not_hold_a_stop<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, setup) = (Ledger::open(folder.path()), setup(&broker, folder.path()));
    is_gone_in_time(&broker, setup.start(program), &ledger, || broker.server().stop()).await;
}

fn setup(broker: &impl Broker, folder: &Path) -> Setup {
    let setup = Setup::new(broker, folder).grace_period(GRACE_PERIOD);
    setup.lease(Duration::from_secs(2)).work(Duration::from_millis(1_000))
}

/// Before the platform would kill it, and with a word about each job that it has.
async fn is_gone_in_time<B: Broker>(
    broker: &B,
    worker: Worker,
    ledger: &Ledger,
    take_away: impl FnOnce(),
) {
    broker.enqueue("long", 0..JOBS).await;
    assert!(has_begun(ledger, &worker, CONCURRENCY).await, "{}", worker.log());
    take_away();
    worker.stop();
    let ended = worker.ended();
    assert!(ended.after < GRACE_PERIOD, "{:?}: {}", ended.after, ended.log);
    assert!(!ended.status.success(), "{}", ended.log);
    let (received, done) = (ended.jobs("received"), ended.jobs("done"));
    assert_eq!(done, 0, "{}", ended.log);
    let given_back = if B::GIVES_BACK_UNASKED { ended.jobs("given back") } else { 0 };
    // The report names twenty of those that are in hand.
    let named = ended.named().len();
    assert!(named >= (received - given_back).min(20), "{received}, but {:?}", ended.named());
}
