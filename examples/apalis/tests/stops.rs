//! A worker of apalis as a process.

use std::{collections::HashMap, path::Path, thread, time::Duration};

use lifecycle_process_tests::{Ending, Service, Signal, Stream, service};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

const JOBS: usize = 60;

fn worker(db: &Path) -> Service {
    service!(bin "apalis-worker", db)
}

fn said(ending: &Ending, word: &str) -> Vec<u32> {
    let said = ending.lines(Stream::Stdout).filter_map(|line| line.strip_prefix(word));
    said.map(|number| number.trim().parse().expect("a number")).collect()
}

/// How many jobs there are of each status.
async fn statuses(db: &Path) -> HashMap<String, i64> {
    let options = SqliteConnectOptions::new().filename(db);
    let mut connection = SqliteConnection::connect_with(&options).await.expect("the database");
    let count = "SELECT status, count(*) FROM Jobs GROUP BY status";
    let rows = sqlx::query_as(count).fetch_all(&mut connection).await.expect("statuses");
    rows.into_iter().collect()
}

#[tokio::test]
async fn jobs_in_hand_are_finished_at_a_stop_and_none_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = folder.path().join("jobs.db");
    worker(&db).args(["enqueue", "60", "150"]).run().exits(0);
    let mut sent = Vec::new();
    for at in [1, 5, 12] {
        let mut child = worker(&db).arg("work").start();
        child.wait_for_nth("begins", at);
        thread::sleep(Duration::from_millis(40));
        child.signal(Signal::TERM);
        let ending = child.end();
        ending.exits(0);
        let mut begun = said(&ending, "begins");
        let mut done = said(&ending, "sent");
        sent.extend(done.iter().copied());
        begun.sort_unstable();
        done.sort_unstable();
        assert_eq!(begun, done, "what has begun is finished");
        let statuses = statuses(&db).await;
        assert_eq!(statuses.get("Running"), None, "{statuses:?}");
        assert_eq!(statuses["Done"], sent.len() as i64, "and is written down: {statuses:?}");
    }
    let mut child = worker(&db).arg("work").start();
    for _ in 0..200 {
        if statuses(&db).await.get("Done") == Some(&(JOBS as i64)) {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(0);
    sent.extend(said(&ending, "sent"));
    sent.sort_unstable();
    assert_eq!(sent, (0..60).collect::<Vec<_>>(), "each was sent, and once");
}

#[tokio::test]
async fn a_job_that_is_too_long_is_cut_and_the_next_worker_has_it_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = folder.path().join("jobs.db");
    worker(&db).args(["enqueue", "1", "60000"]).run().exits(0);
    let mut child = worker(&db).arg("work").start();
    child.wait_for("begins 0");
    child.signal(Signal::TERM);
    child.end().exits(0).never_says("sent").ends_within(Duration::from_secs(8));
    assert_eq!(statuses(&db).await, HashMap::from([("Failed".to_owned(), 1)]));
    let mut child = worker(&db).arg("work").start();
    child.wait_for("begins 0");
    child.signal(Signal::TERM);
    child.end().exits(0);
}
