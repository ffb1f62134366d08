//! The last line, and the labels of a program with 10,000 sites.
#![cfg(feature = "metrics")]

use std::{
    fmt::Debug,
    sync::Mutex,
    time::{Duration, Instant},
};

use lifecycle_core::{Guard, Reason, SourceLocation, draining, ext, hook, run, shutdown};
use metrics_util::debugging::DebuggingRecorder;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn event(&self, event: &Event<'_>) {
        if event.metadata().name() == "lifecycle.summary" {
            assert_eq!(event.metadata().target(), "lifecycle.summary");
            event.record(&mut Message);
        }
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Message;

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        assert_eq!(field.name(), "message");
        LINES.lock().unwrap().push(format!("{value:?}"));
    }
}

fn call(n: usize) -> Guard {
    let site = ext::site(format!("site {n}").leak(), SourceLocation::caller());
    Box::leak(Box::new(site)).admit().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_line_says_how_it_ended_and_ten_thousand_sites_share_a_thousand_labels() {
    tracing::subscriber::set_global_default(Lines).unwrap();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    let main = async {
        hook("flush").register(|| async { Err::<(), _>("two\nlines") }).unwrap();
        let draining = draining();
        let calls: Vec<_> = (0..10_000).map(call).collect();
        let began = Instant::now();
        lifecycle_telemetry::metrics::refresh();
        let took = began.elapsed();
        println!("a scrape of 10,000 busy sites: {took:.1?}");
        assert!(took < Duration::from_secs(2), "{took:?}");
        let all = snapshotter.snapshot().into_vec();
        let in_flight = all.iter().filter(|(key, ..)| key.key().name() == "lifecycle_in_flight");
        assert_eq!(in_flight.count(), 1_001);
        shutdown(Reason::requested("deploy"));
        draining.await;
        drop(calls);
    };
    let report = run(main).await;
    let lines = LINES.lock().unwrap();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(!line.contains('\n'), "{line}");
    let summary: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(summary["shutdown_id"], report.shutdown_id());
    assert_eq!(summary["reason"], "requested");
    assert_eq!(summary["clean"], false);
    assert_eq!(summary["exit_code"], 70);
    assert_eq!(summary["abandoned"], 0);
    assert_eq!(summary["hooks_not_completed"][0]["name"], "flush");
    assert_eq!(summary["hooks_not_completed"][0]["outcome"], "failed");
    assert!(summary["seconds"].as_f64().unwrap() > 0.0);
    assert!(summary["problems"][0].as_str().unwrap().contains("flush"), "{summary}");
}
