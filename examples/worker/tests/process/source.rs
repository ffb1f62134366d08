//! What the table of SQLite promises as a queue.

use std::time::Duration;

use lifecycle::work::Source;
use worker::{
    db,
    queue::{Queue, Task},
    sqlite::{Job, Sqlite},
};

const LEASE: Duration = Duration::from_millis(300);

fn tasks(kinds: &[&str]) -> Vec<Task> {
    let task = |(at, kind): (usize, &&str)| Task {
        kind: (*kind).to_owned(),
        key: format!("{at}"),
        payload: serde_json::Value::Null,
    };
    kinds.iter().enumerate().map(task).collect()
}

/// A queue of tasks of these kinds, by two of its clients.
async fn queue(kinds: &[&str]) -> (tempfile::TempDir, Sqlite, Sqlite) {
    let folder = tempfile::tempdir().expect("a folder");
    let pool = db::connect(folder.path().join("worker.db")).await.expect("a database");
    let (one, other) = (Sqlite::new(pool.clone(), LEASE), Sqlite::new(pool, LEASE));
    one.enqueue(&tasks(kinds)).await.expect("jobs");
    (folder, one, other)
}

async fn received(queue: &Sqlite, max: usize) -> Vec<Job> {
    queue.receive(max).await.expect("jobs")
}

#[tokio::test]
async fn a_worker_that_comes_back_late_changes_nothing() {
    let (_folder, frozen, other) = queue(&["invoice"]).await;
    let late = received(&frozen, 1).await.remove(0);
    // Waits for the end of the lease.
    let job = received(&other, 1).await.remove(0);
    assert!(frozen.ack(&late).await.is_err());
    assert!(frozen.renew(&late).await.is_err());
    assert!(frozen.give_back(late.clone()).await.is_err());
    assert!(frozen.fail(late, "too late").await.is_err());
    other.ack(&job).await.expect("it is the other's");
    assert!(other.give_back(job).await.is_err(), "it is done");
}

#[tokio::test]
async fn a_job_that_is_given_back_is_there_at_once_and_one_that_is_renewed_is_not() {
    let (_folder, one, other) = queue(&["report", "report"]).await;
    let mut jobs = received(&one, 2).await;
    let (kept, back) = (jobs.remove(0), jobs.remove(0));
    one.give_back(back).await.expect("given back");
    assert_eq!(received(&other, 2).await.len(), 1);
    for _ in 0..4 {
        tokio::time::sleep(LEASE / 2).await;
        one.renew(&kept).await.expect("renewed");
    }
    one.ack(&kept).await.expect("still its own");
}

#[tokio::test]
async fn priorities_go_first_and_a_key_is_one_job() {
    let (_folder, one, _) = queue(&["sweep", "report", "invoice"]).await;
    one.enqueue(&tasks(&["sweep", "report"])).await.expect("nothing new");
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let jobs = received(&one, 1).await;
        kinds.extend(jobs.iter().map(|job| one.class(job).to_owned()));
    }
    assert_eq!(kinds, ["invoice", "report", "sweep"]);
}

#[tokio::test]
async fn a_queue_that_is_quiet_comes_back_with_nothing() {
    let (_folder, one, _) = queue(&[]).await;
    let (jobs, quiet) = tokio::join!(one.receive(1), one.quiet());
    quiet.expect("quiet");
    assert!(jobs.expect("no jobs").is_empty());
    one.enqueue(&tasks(&["invoice"])).await.expect("a job");
    assert!(received(&one, 1).await.is_empty(), "and hands out no more");
}
