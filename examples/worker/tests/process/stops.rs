//! Many stops at random moments, with jobs enqueued meanwhile.

use std::{
    thread,
    time::{Duration, Instant},
};

use lifecycle_process_tests::Signal;
use serde_json::Value;

use crate::{
    audit::{Audit, all_done},
    service::{self, Site, task},
};

/// `LIFECYCLE_WORKER_STOPS` of them.
const STOPS: u64 = 200;
/// So many workers are stopped beside one another, each with a database of its own: a stop mostly
/// waits.
const LANES: u64 = 4;
/// Enqueued before each stop.
const JOBS: u64 = 50;
/// In one request.
const BATCH: u64 = 5;

#[test]
fn at_two_hundred_stops_no_job_is_lost_and_what_runs_twice_is_reported() {
    let stops = std::env::var("LIFECYCLE_WORKER_STOPS").ok();
    let stops = stops.map_or(STOPS, |stops| stops.parse().expect("a number of stops"));
    let began = Instant::now();
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| thread::spawn(move || stopped_often(lane, stops.div_ceil(LANES))))
        .collect();
    let audits: Vec<_> = lanes.into_iter().map(|lane| lane.join().expect("a lane")).collect();
    let accepted: usize = audits.iter().map(|audit| audit.accepted.len()).sum();
    let repeated: u64 = audits.iter().map(Audit::repeated_in_all).sum();
    let lanes_jobs = stops.div_ceil(LANES) * LANES * JOBS;
    assert_eq!(accepted as u64, lanes_jobs, "clients that are refused come back");
    eprintln!(
        "{accepted} jobs, {stops} stops in {:?}; {repeated} began again, as reported",
        began.elapsed()
    );
}

fn stopped_often(lane: u64, stops: u64) -> Audit {
    let seed = fastrand::u64(..);
    eprintln!("lane {lane}: seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut site = Site::new().env("WORKER_LEASE_SECS", "1").env("WORKER_SWEEP_SECS", "1");
    let mut audit = Audit::default();
    let mut refused: Vec<Vec<Value>> = Vec::new();
    for stop in 0..stops {
        let mut worker = site.start();
        // Whoever was refused comes back.
        let fresh = (0..JOBS / BATCH).map(|batch| a_batch(&mut rng, stop, batch));
        let batches: Vec<_> = refused.drain(..).chain(fresh).collect();
        let addr = worker.addr().to_owned();
        let client = thread::spawn(move || {
            let mut refused = Vec::new();
            let mut accepted = Vec::new();
            for batch in batches {
                match service::enqueue(&addr, &batch) {
                    Some(202) => accepted.push(batch),
                    _ => refused.push(batch),
                }
            }
            (accepted, refused)
        });
        thread::sleep(Duration::from_millis(rng.u64(0..250)));
        worker.signal(Signal::TERM);
        let ended = worker.end();
        ended.ending.exits(0);
        audit.add(&ended);
        let (accepted, again) = client.join().expect("a client");
        let accepted = accepted.iter().flatten();
        audit.accepted.extend(accepted.filter_map(|task| Some(task["key"].as_str()?.to_owned())));
        refused = again;
    }
    let worker = site.start();
    for batch in refused {
        assert_eq!(service::enqueue(worker.addr(), &batch), Some(202));
        let keys = batch.iter().filter_map(|task| Some(task["key"].as_str()?.to_owned()));
        audit.accepted.extend(keys);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(all_done(&site.db()));
    audit.add(&worker.stop());
    audit.repeats_are_reported();
    runtime.block_on(audit.nothing_is_lost(&site.db()));
    audit
}

fn a_batch(rng: &mut fastrand::Rng, stop: u64, batch: u64) -> Vec<Value> {
    let job = |at| {
        let (kind, millis) = match rng.u8(0..10) {
            0..4 => ("invoice", rng.u64(0..40)),
            4..7 => ("thumbnail", rng.u64(0..40)),
            7..9 => ("report", rng.u64(0..40)),
            _ => ("sweep", rng.u64(0..40)),
        };
        task(kind, &format!("{kind}-{stop}-{batch}-{at}"), millis)
    };
    (0..BATCH).map(job).collect()
}
