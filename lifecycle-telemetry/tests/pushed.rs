//! A recorder that is told without a line in the service; before it is there, nobody has a thread.
#![cfg(feature = "metrics")]

use std::fs;

use lifecycle_core::{draining, hook, run, shutdown};
// Linked, and not called.
use lifecycle_telemetry as _;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// Whether the process has a thread that observes.
#[cfg(target_os = "linux")]
fn is_observed() -> bool {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.into_iter().any(|name| name.trim() == "lifecycle-obs")
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_of_main_is_told_and_only_then_is_there_a_thread() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let main = async move {
        hook("close").register(|| async {}).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(!is_observed());
        recorder.install().unwrap();
        let draining = draining();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(is_observed());
        shutdown("deploy");
        draining.await;
    };
    let report = run(main).await;
    assert!(report.is_clean(), "{report}");
    let told = snapshotter.snapshot().into_vec();
    let value = |name: &str, label: &str| {
        told.iter().find_map(|(key, .., value)| {
            let key = key.key();
            let has = key.labels().any(|it| it.value() == label);
            (key.name() == name && has).then_some(value)
        })
    };
    assert!(
        matches!(value("lifecycle_state", "stopped"), Some(DebugValue::Gauge(value)) if *value == 1.0)
    );
    assert!(matches!(
        value("lifecycle_stop_requests_total", "requested"),
        Some(DebugValue::Counter(1))
    ));
    assert!(value("lifecycle_hook_seconds", "close").is_some());
}
