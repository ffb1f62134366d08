//! Observable instruments of a meter provider that is set late, and of the one that replaces it.
#![cfg(feature = "opentelemetry")]

use std::{collections::BTreeMap, time::Duration};

use lifecycle_core::{Site, draining, hook, run, shutdown};
use opentelemetry::global;
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};
use tokio::time::sleep;

static ORDERS: Site = Site::new("orders");

fn provider() -> (SdkMeterProvider, InMemoryMetricExporter) {
    let exporter = InMemoryMetricExporter::default();
    let reader =
        PeriodicReader::builder(exporter.clone()).with_interval(Duration::from_secs(3600)).build();
    (SdkMeterProvider::builder().with_reader(reader).build(), exporter)
}

/// Each series, collected now, with its unit.
fn collected(
    provider: &SdkMeterProvider,
    exporter: &InMemoryMetricExporter,
) -> BTreeMap<String, f64> {
    exporter.reset();
    provider.force_flush().unwrap();
    let mut series = BTreeMap::new();
    for resource in exporter.get_finished_metrics().unwrap() {
        for metric in resource.scope_metrics().flat_map(|scope| scope.metrics()) {
            let mut add = |attributes: Vec<String>, value| {
                let name =
                    format!("{}{{{}}} {}", metric.name(), attributes.join(","), metric.unit());
                assert!(series.insert(name, value).is_none(), "each series is there once");
            };
            match metric.data() {
                AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
                    for point in gauge.data_points() {
                        let all = point.attributes().map(|it| format!("{}={}", it.key, it.value));
                        add(all.collect(), point.value());
                    }
                }
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    assert!(sum.is_monotonic());
                    for point in sum.data_points() {
                        let all = point.attributes().map(|it| format!("{}={}", it.key, it.value));
                        add(all.collect(), point.value() as f64);
                    }
                }
                other => panic!("{}: {other:?}", metric.name()),
            }
        }
    }
    series
}

#[tokio::test(flavor = "multi_thread")]
async fn the_instruments_are_of_whatever_provider_is_set() {
    let (first, from_first) = provider();
    let (second, from_second) = provider();
    let main = async {
        hook("close").register(|| async {}).unwrap();
        let draining = draining();
        sleep(Duration::from_millis(100)).await;
        // Late, and nothing happens: who sets it says so.
        global::set_meter_provider(first.clone());
        lifecycle_telemetry::opentelemetry::refresh();
        lifecycle_telemetry::opentelemetry::refresh();
        let call = ORDERS.admit().unwrap();
        let running = collected(&first, &from_first);
        assert_eq!(running["lifecycle.state{state=running} "], 1.0);
        assert_eq!(running["lifecycle.ready{} "], 1.0);
        assert_eq!(running["lifecycle.in_flight{site=orders} {call}"], 1.0);
        assert!(running.contains_key("lifecycle.in_flight.oldest{site=orders} s"), "{running:#?}");
        // Another one: by the next state it is known.
        global::set_meter_provider(second.clone());
        shutdown("deploy");
        draining.await;
        sleep(Duration::from_millis(100)).await;
        let drains = collected(&second, &from_second);
        assert_eq!(drains["lifecycle.state{state=draining} "], 1.0);
        assert_eq!(drains["lifecycle.calls.admitted{site=orders} {call}"], 1.0);
        drop(call);
    };
    let report = run(main).await;
    assert!(report.is_clean(), "{report}");
    let stopped = collected(&second, &from_second);
    assert_eq!(stopped["lifecycle.state{state=stopped} "], 1.0);
    assert_eq!(stopped["lifecycle.calls.finished{site=orders} {call}"], 1.0);
    assert_eq!(stopped["lifecycle.stop.requests{reason=requested} {stop}"], 1.0);
    assert!(stopped.contains_key("lifecycle.hook{hook=close,outcome=completed} s"), "{stopped:#?}");
    // A provider that only the instruments knew would not be shut down by its last owner.
    first.shutdown().unwrap();
    second.shutdown().unwrap();
}
