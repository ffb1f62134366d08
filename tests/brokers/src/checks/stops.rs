//! Workers that are stopped and killed while they work.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use tokio::time::sleep;

use super::{audit::Audit, figures, is_empty_within, is_so_within, number, pause};
use crate::{Broker, CONCURRENCY, Ended, Ledger, Setup, Worker};

pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Two workers at once, one of which is stopped at a random moment and started again, as often as
/// `LIFECYCLE_BROKER_STOPS` says: each job runs once.
pub async fn stops_lose_nothing<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    let (stops, jobs) = (number("LIFECYCLE_BROKER_STOPS", 20), jobs::<B>());
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(folder.path());
    let setup = Setup::new(&broker, folder.path()).work(B::WORK);
    let mut workers = vec![setup.start(program), setup.start(program)];
    let mut ended = Vec::new();
    // The first stops find more jobs than are held, and the last ones workers that wait.
    let first = if B::SETTLES.is_zero() { jobs / 2 } else { 0 };
    broker.enqueue("job", 0..first).await;
    let until = |stop: usize| first + (jobs - first) * stop / stops;
    for stop in 0..stops {
        sleep(B::SETTLES).await;
        broker.enqueue("job", until(stop)..until(stop + 1)).await;
        pause(Duration::from_millis(300));
        let leaves = workers.remove(0);
        // One change at a time where each moves jobs.
        let comes = B::SETTLES.is_zero().then(|| setup.start(program));
        ended.extend(stop_all([leaves]));
        workers.push(comes.unwrap_or_else(|| setup.start(program)));
    }
    assert!(is_empty_within(PATIENCE, &broker).await, "{} jobs are left", broker.left().await);
    ended.extend(stop_all(workers));
    let audit = Audit::of(&ledger, 0..jobs);
    let count = |what| ended.iter().map(|ended| ended.jobs(what)).sum::<usize>();
    let (received, done, given_back) = (count("received"), count("done"), count("given back"));
    let name = B::NAME;
    println!("{name}: {stops} stops, {received} received, {done} done, {given_back} given back");
    let notes: Vec<_> = ended.iter().flat_map(Ended::notes).collect();
    let is_well = audit.unfinished.is_empty() && audit.repeated.is_empty();
    assert!(is_well, "{audit:?}\n{}", notes.join("\n"));
    assert_eq!((done, done + given_back), (jobs, received));
    // Where each partition has one job in hand, hardly one waits for a place.
    let has_some = given_back > 0 || B::GIVES_BACK_UNASKED;
    assert!(has_some, "no stop had anything to give back");
}

/// The same with SIGKILL, as often as `LIFECYCLE_BROKER_KILLS` says: each job runs at least once, and
/// has its effect once.
pub async fn kills_lose_nothing<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    let (kills, jobs) = (number("LIFECYCLE_BROKER_KILLS", 10), jobs::<B>() * 2 / 5);
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(folder.path());
    let setup = Setup::new(&broker, folder.path()).work(Duration::from_millis(100));
    let setup = setup.lease(Duration::from_secs(1));
    let mut workers = [setup.start(program), setup.start(program)];
    for kill in 0..kills {
        sleep(B::SETTLES).await;
        broker.enqueue("job", jobs * kill / kills..jobs * (kill + 1) / kills).await;
        pause(Duration::from_millis(300));
        workers[kill % 2].kill();
        workers[kill % 2] = setup.start(program);
    }
    assert!(is_empty_within(PATIENCE, &broker).await, "{} jobs are left", broker.left().await);
    stop_all(workers);
    let audit = Audit::of(&ledger, 0..jobs);
    println!("{}: {kills} kills, {jobs} jobs, {} repeated", B::NAME, audit.repeated.len());
    assert!(audit.unfinished.is_empty(), "{audit:?}");
    assert!(!audit.repeated.is_empty(), "no kill met a job");
    assert_eq!(audit.effects, jobs);
}

/// From SIGTERM to the begin of a job at another worker, for jobs that were running. All of a stop
/// come together, so that one stop that the machine kept waiting is a tenth of all.
pub async fn what_a_stop_gives_back_begins_elsewhere_at_once<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(folder.path());
    let setup = Setup::new(&broker, folder.path()).work(Duration::from_secs(60));
    let mut holder = setup.start(program);
    broker.enqueue("requeued", 0..CONCURRENCY).await;
    assert!(has_begun(&ledger, &holder, CONCURRENCY).await, "{}", holder.log());
    let mut times = Vec::new();
    for _ in 0..8 {
        let waiting = setup.start(program);
        assert!(is_up(&waiting).await, "{}", waiting.log());
        let began = now();
        holder.stop();
        assert!(has_begun(&ledger, &waiting, CONCURRENCY).await, "{}", waiting.log());
        let begins = ledger.entries().into_iter().filter(|entry| entry.pid == waiting.pid());
        times.extend(begins.map(|entry| entry.at.saturating_sub(began)));
        holder = waiting;
    }
    let (p50, _) =
        figures(&format!("{}: a running job, from SIGTERM to its begin elsewhere", B::NAME), times);
    assert!(p50 < Duration::from_millis(200), "{p50:?}");
}

/// Jobs of more than two leases, over a stop as well: they are renewed until they are acknowledged.
pub async fn a_job_longer_than_its_lease_runs_once<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(folder.path());
    let setup = Setup::new(&broker, folder.path()).lease(Duration::from_secs(1));
    let setup = setup.work(Duration::from_millis(2_200));
    let workers = [setup.start(program), setup.start(program)];
    broker.enqueue("long", 0..CONCURRENCY).await;
    let have_begun = async || ledger.count("begin").len() == CONCURRENCY;
    assert!(is_so_within(PATIENCE, have_begun).await, "{}", workers[0].log());
    // A third looks for leases that ran out, while those two finish what they have.
    let third = setup.start(program);
    stop_all(workers);
    assert!(is_empty_within(PATIENCE, &broker).await, "{} jobs are left", broker.left().await);
    stop_all([third]);
    let audit = Audit::of(&ledger, 0..CONCURRENCY);
    assert!(audit.unfinished.is_empty() && audit.repeated.is_empty(), "{audit:?}");
}

/// The job that asks for a stop is finished and acknowledged as any other.
pub async fn a_stop_asked_for_by_a_job_acknowledges_it<B: Broker>(program: &str) {
    let Some(broker) = B::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(folder.path());
    let setup = Setup::new(&broker, folder.path());
    broker.enqueue("stop", 0..1).await;
    let ended = setup.start(program).ended();
    assert!(ended.status.success(), "{}: {}", ended.status, ended.log);
    assert_eq!(broker.left().await, 0);
    assert_eq!(ledger.count("end"), HashMap::from([("0".to_owned(), 1)]));
}

/// As many as the broker is fast for, or as `LIFECYCLE_BROKER_JOBS` says.
fn jobs<B: Broker>() -> usize {
    number("LIFECYCLE_BROKER_JOBS", B::JOBS)
}

/// Waits until a worker has begun so many jobs.
pub(super) async fn has_begun(ledger: &Ledger, worker: &Worker, jobs: usize) -> bool {
    let begun = async || {
        let entries = ledger.entries().into_iter();
        entries.filter(|entry| entry.pid == worker.pid() && entry.what == "begin").count() >= jobs
    };
    is_so_within(Duration::from_secs(10), begun).await
}

/// Waits until a worker waits for jobs.
async fn is_up(worker: &Worker) -> bool {
    let is_up = is_so_within(PATIENCE, async || worker.log().contains("running")).await;
    sleep(Duration::from_millis(200)).await;
    is_up
}

/// Stops them, which is clean.
fn stop_all(workers: impl IntoIterator<Item = Worker>) -> Vec<Ended> {
    let stop = |worker: Worker| {
        worker.stop();
        let ended = worker.ended();
        assert!(ended.status.success(), "{}: {}", ended.status, ended.log);
        ended
    };
    workers.into_iter().map(stop).collect()
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after the epoch")
}
