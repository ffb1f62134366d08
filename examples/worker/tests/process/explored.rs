//! The worker's stop at many moments, in no time: a queue in memory, and the worker's own classes.

use std::time::Duration;

use lifecycle::{
    Config, Signal,
    testing::{FakeJob, FakeSource, Scenario},
    work::Source,
};
use worker::{db::close_database, jobs::WORKER};

/// A kind, and how long one takes.
type Played = (&'static str, u64);

const ROUND: [Played; 6] = [
    ("invoice", 700),
    ("report", 300),
    ("thumbnail", 150),
    ("sweep", 90),
    ("report", 4_000),
    ("thumbnail", 20),
];

#[lifecycle::test]
async fn stopped_at_any_moment_a_job_is_done_or_given_back_or_named() {
    for at in (0..4_000).step_by(23) {
        let queue = FakeSource::new(ROUND.repeat(8)).named(|(kind, _)| (*kind).to_owned());
        let source = queue.clone().classed_by(|job: &FakeJob<Played>| job.0);
        let report = Scenario::new()
            .without::<close_database>()
            .config(Config::new().grace_period(Duration::from_secs(30)))
            .main(async move {
                let worker = WORKER.clone().concurrency(4);
                let work = |job: FakeJob<Played>| async move {
                    tokio::time::sleep(Duration::from_millis(job.1)).await;
                };
                worker.run(source, work).await;
            })
            .signal_at(Duration::from_millis(at), Signal::Term)
            .run()
            .await;
        assert!(report.is_clean(), "{at}: {report}");
        let left = queue.invisible();
        assert!(left.iter().all(|(kind, _)| *kind == "sweep"), "{at}: {left:?}");
        let notes: String = report.notes().iter().map(|note| format!("{note}\n")).collect();
        assert_eq!(notes.matches("was abandoned").count(), left.len(), "{at}: {notes}");
        let all = queue.done().len() + queue.waiting().len() + left.len();
        assert_eq!(all, 48, "{at}: {notes}");
        assert!(queue.faults().is_empty(), "{at}: {:?}", queue.faults());
    }
}
