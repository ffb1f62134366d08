//! A stop from within, the scheduler, and what is refused.

use std::{thread, time::Duration};

use lifecycle_process_tests::{Signal, Stream};
use serde_json::json;

use crate::{
    audit::{Audit, all_done},
    service::{self, Site, effects, task},
};

#[tokio::test]
async fn a_stop_that_a_job_asks_for_acknowledges_that_very_job() {
    let mut site = Site::new();
    let worker = site.start();
    let tasks = [task("restart", "restart-1", 0)];
    assert_eq!(service::enqueue(worker.addr(), &tasks), Some(202));
    let ended = worker.end();
    ended.ending.exits(0).says("1 received, 1 done");
    let mut audit = Audit::default();
    audit.add(&ended);
    // It is not delivered to the next, which would stop as well.
    let worker = site.start();
    all_done(&site.db()).await;
    audit.add(&worker.stop());
    assert_eq!(audit.repeated("restart"), 0);
    audit.nothing_is_lost(&site.db()).await;
}

#[test]
fn each_policy_does_what_it_says_and_the_report_counts_it() {
    let mut site = Site::new();
    let mut worker = site.start();
    let kinds = [("invoice", 1_500), ("report", 30_000), ("thumbnail", 30_000), ("sweep", 30_000)];
    let tasks: Vec<_> = kinds.iter().map(|(kind, millis)| task(kind, kind, *millis)).collect();
    assert_eq!(service::enqueue(worker.addr(), &tasks), Some(202));
    for (kind, _) in kinds {
        worker.wait_for(&format!("{kind} {kind} begins"));
    }
    worker.signal(Signal::TERM);
    let ended = worker.end();
    ended.ending.exits(0).says("4 received, 1 done, 2 given back, 1 abandoned");
    let took = ended.ending.since_last_signal();
    assert!(took > Duration::from_secs(2) && took < Duration::from_secs(8), "{took:?}");
    let report = ended.report.expect("a report");
    assert_eq!(report.site("jobs: invoice").map(|site| site.finished()), Some(1), "{report}");
    let notes: String = report.notes().iter().map(|note| format!("{note}\n")).collect();
    assert!(notes.contains("job sweep of class sweep was abandoned"), "{notes}");
    assert!(notes.contains("4 received, 1 done, 2 given back, 1 abandoned"), "{notes}");
    // Given back is there at once, and abandoned after its lease of 30 s.
    let worker = site.start();
    worker.wait_for("thumbnail thumbnail begins");
    worker.wait_for("report report begins");
    let ended = worker.stop();
    ended.ending.never_says("sweep sweep begins").never_says("invoice invoice begins");
}

#[test]
fn a_tick_is_enqueued_once_by_two_workers() {
    let mut site = Site::new().env("WORKER_SWEEP_SECS", "1");
    let (first, second) = (site.start(), site.start());
    for worker in [&first, &second] {
        worker.wait_for("tick ");
    }
    thread::sleep(Duration::from_secs(3));
    let done = effects(first.addr())["sweep"].as_u64().unwrap_or_default();
    let mut ticks: Vec<_> = [first.stop(), second.stop()]
        .iter()
        .flat_map(|ended| ended.ending.lines(Stream::Stderr))
        .filter_map(|line| line.rsplit_once(" tick ")?.1.parse::<u64>().ok())
        .collect();
    let all = ticks.len();
    ticks.sort_unstable();
    ticks.dedup();
    assert!(all > ticks.len(), "both have seen a tick: {all} {ticks:?}");
    assert!(done >= 2 && done <= ticks.len() as u64, "{done} sweeps, ticks {ticks:?}");
}

#[test]
fn what_is_no_job_is_refused_and_not_stored() {
    let mut site = Site::new();
    let worker = site.start();
    let tasks = [task("invoice", "a", 0), json!({ "kind": "party", "key": "b" })];
    assert_eq!(service::enqueue(worker.addr(), &tasks), Some(422));
    worker.stop().ending.says("0 received, 0 done");
}

#[test]
fn a_queue_that_was_not_built_in_is_named() {
    let refused = |url: &str, said: &str| {
        let site = Site::new().env("WORKER_QUEUE", url);
        site.service().run().exits(1).says(&format!("WORKER_QUEUE={url}: ")).says(said);
    };
    refused("kafka://localhost", "write postgres://");
    #[cfg(not(feature = "nats"))]
    refused("nats://localhost", "cargo build --features nats");
    #[cfg(not(feature = "rabbitmq"))]
    refused("amqp://localhost", "cargo build --features rabbitmq");
}
