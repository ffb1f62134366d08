//! A consumer that nobody waits for, in a process of its own.

#![cfg(feature = "testing")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use lifecycle_core::Config;
use lifecycle_work::{
    consumer,
    testing::{FakeJob, FakeSource},
};
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_line_in_the_report_is_of_its_last_job() {
    let queue = FakeSource::new([430, 431, 432, 433, 434]);
    let source = queue.clone();
    let begun = Arc::new(AtomicUsize::new(0));
    let of_jobs = Arc::clone(&begun);
    let report = Config::new()
        .grace_period(Duration::from_secs(20))
        .signals([])
        .run(async move {
            let handler = move |job: FakeJob<u64>| {
                of_jobs.fetch_add(1, Ordering::Relaxed);
                async move { sleep(Duration::from_millis(*job)).await }
            };
            tokio::spawn(consumer("orders").run(source, handler));
            while begun.load(Ordering::Relaxed) < 5 {
                sleep(Duration::from_millis(1)).await;
            }
            lifecycle_core::shutdown("test");
        })
        .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(queue.done().len(), 5, "{report}");
    let notes: Vec<_> = report.notes().iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["consumer orders: 5 received, 5 done"], "{report}");
}
