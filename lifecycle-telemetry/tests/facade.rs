//! The recorder of the application, set long after the run has begun.
#![cfg(feature = "metrics")]

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use lifecycle_core::{Reason, Site, draining, ext, hook, run, shutdown, testing::Scenario};
use lifecycle_telemetry::metrics::refresh;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::time::sleep;

static ORDERS: Site = Site::new("orders");
static OF_A_TEST: Site = Site::new("of a test");

/// Each series, as Prometheus writes it.
fn series(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let all = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let key = key.key();
        let labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.into_inner(),
            DebugValue::Histogram(_) => panic!("there is no histogram"),
        };
        (format!("{}{{{}}}", key.name(), labels.join(",")), value)
    });
    all.collect()
}

async fn until(snapshotter: &Snapshotter, name: &str, value: f64) -> BTreeMap<String, f64> {
    for _ in 0..500 {
        refresh();
        let series = series(snapshotter);
        if series.get(name) == Some(&value) {
            return series;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{name} never is {value}: {:#?}", series(snapshotter));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_comes_late_is_told_everything_of_the_process_and_nothing_of_a_test() {
    // Nothing is known, and nothing breaks.
    refresh();
    let main = async {
        hook("flush").register(|| async { Err::<(), _>("the disk is full") }).unwrap();
        hook("close").register(|| async {}).unwrap();
        let mut order = Box::pin(ORDERS.track(sleep(Duration::from_millis(400))));
        tokio::time::timeout(Duration::from_millis(20), &mut order).await.unwrap_err();
        let jobs = ext::job_counts("mails", "invoice");
        jobs.received.fetch_add(3, Ordering::AcqRel);
        jobs.done.fetch_add(2, Ordering::AcqRel);
        let draining = draining();
        // A recorder is set in the middle of everything.
        sleep(Duration::from_millis(100)).await;
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        recorder.install().unwrap();
        let running = until(&snapshotter, "lifecycle_state{state=running}", 1.0).await;
        assert_eq!(running["lifecycle_state{state=starting}"], 0.0);
        assert_eq!(running["lifecycle_ready{}"], 1.0);
        assert_eq!(running["lifecycle_in_flight{site=orders}"], 1.0);
        assert!(running["lifecycle_in_flight_oldest_seconds{site=orders}"] > 0.05);
        assert_eq!(running["lifecycle_jobs_received_total{consumer=mails,class=invoice}"], 3.0);
        let ended = |outcome| {
            running
                [&format!("lifecycle_jobs_total{{consumer=mails,class=invoice,outcome={outcome}}}")]
        };
        assert_eq!((ended("done"), ended("given_back")), (2.0, 0.0));
        assert!(!running.keys().any(|name| name.contains("last_shutdown")), "{running:#?}");
        shutdown(Reason::requested("a text of 1 of 1,000,000 kinds"));
        draining.await;
        let while_draining = until(&snapshotter, "lifecycle_state{state=draining}", 1.0).await;
        assert_eq!(while_draining["lifecycle_ready{}"], 0.0);
        assert_eq!(while_draining["lifecycle_calls_admitted_total{site=orders}"], 1.0);
        assert_eq!(while_draining["lifecycle_stop_requests_total{reason=requested}"], 1.0);
        assert!(while_draining["lifecycle_drain_seconds{}"] > 0.0);
        assert!(while_draining["lifecycle_drain_budget_seconds{}"] > 1.0);
        assert!(ORDERS.admit().is_err());
        order.await.unwrap();
        *SNAPSHOTTER.lock().unwrap() = Some(snapshotter);
    };
    let report = run(main).await;
    assert_eq!(report.exit_code(), 70, "{report}");
    let snapshotter = SNAPSHOTTER.lock().unwrap().take().unwrap();
    // Run is back, and the process lives on.
    let stopped = until(&snapshotter, "lifecycle_state{state=stopped}", 1.0).await;
    assert_eq!(stopped["lifecycle_in_flight{site=orders}"], 0.0);
    assert_eq!(stopped["lifecycle_calls_finished_total{site=orders}"], 1.0);
    assert_eq!(stopped["lifecycle_calls_refused_total{site=orders}"], 1.0);
    assert_eq!(stopped["lifecycle_calls_abandoned_total{site=orders}"], 0.0);
    assert!(stopped.contains_key("lifecycle_hook_seconds{hook=flush,outcome=failed}"));
    assert!(stopped.contains_key("lifecycle_hook_seconds{hook=close,outcome=completed}"));
    assert_eq!(stopped["lifecycle_deadline_breaches_total{}"], 0.0);

    // A second run is refused, and is no second stop.
    assert_eq!(run(async {}).await.exit_code(), 78);
    let again = until(&snapshotter, "lifecycle_state{state=stopped}", 1.0).await;
    assert_eq!(again["lifecycle_stop_requests_total{reason=requested}"], 1.0);
    assert_eq!(again.keys().collect::<Vec<_>>(), stopped.keys().collect::<Vec<_>>());
}

static SNAPSHOTTER: std::sync::Mutex<Option<Snapshotter>> = std::sync::Mutex::new(None);

/// On another thread, at the same time: what it tells a recorder is the process's, if anything.
#[test]
fn a_scenario_is_not_exported() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let report = metrics::with_local_recorder(&recorder, || {
        runtime.unwrap().block_on(async {
            let main = async {
                let _call = OF_A_TEST.admit().unwrap();
                assert_eq!(ext::Handle::current().status().in_flight(), 1);
                refresh();
                draining().await;
            };
            let scenario = Scenario::new().main(main).at(Duration::from_secs(1), async {
                refresh();
            });
            scenario.shutdown("a test ends").await
        })
    });
    assert!(report.reason().to_string().contains("a test ends"), "{report}");
    let series = series(&snapshotter);
    let told = |text: &str| series.keys().any(|name| name.contains(text));
    assert!(!told("of a test") && !told("lifecycle_stop_requests"), "{series:#?}");
}
