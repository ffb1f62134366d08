//! `kill -9` at random moments: nothing of ours runs after it.

use std::{thread, time::Duration};

use lifecycle_process_tests::Signal;

use crate::{
    audit::{Audit, all_done},
    service::{self, Site, task},
};

const KILLS: u64 = 50;
const JOBS: u64 = 10;

#[tokio::test]
async fn after_fifty_kills_every_job_is_done_at_least_once_and_its_effect_is_there_once() {
    let mut site = Site::new().env("WORKER_LEASE_SECS", "1");
    let mut audit = Audit::default();
    for kill in 0..KILLS {
        let mut worker = site.start();
        let addr = worker.addr().to_owned();
        let client = thread::spawn(move || {
            let jobs = (0..JOBS).map(|at| {
                let key = format!("{kill}-{at}");
                let kind = if at % 2 == 0 { "invoice" } else { "thumbnail" };
                (service::enqueue(&addr, &[task(kind, &key, fastrand::u64(0..30))]), key)
            });
            jobs.filter_map(|(status, key)| (status == Some(202)).then_some(key))
                .collect::<Vec<_>>()
        });
        thread::sleep(Duration::from_millis(fastrand::u64(0..150)));
        worker.signal(Signal::KILL);
        let ended = worker.end();
        ended.ending.is_killed_by(Signal::KILL);
        audit.add(&ended);
        audit.accepted.extend(client.join().expect("a client"));
    }
    let worker = site.start();
    all_done(&site.db()).await;
    audit.add(&worker.stop());
    assert!(audit.accepted.len() > 50, "only {} were accepted", audit.accepted.len());
    assert!(audit.repeated_in_all() > 0, "no kill has hit a job");
    audit.nothing_is_lost(&site.db()).await;
}
