//! The metrics of the lifecycle for the recorder of the `metrics` facade, whichever the application
//! installs, and whenever.
//!
//! Nothing is to be called: a recorder that is there when the service is ready is told at each
//! change of state, and while something is in flight every ten seconds. Where values are asked for,
//! as Prometheus does, the handler calls [`refresh`] first; where a recorder comes later, call it
//! once. The page `docs/metrics.md` has the table.

use metrics::{Key, Label, Level, Metadata, SharedString, Unit};

use crate::{
    observer::begin_once,
    snapshot::{Exported, Sample},
    table::{self, Kind, METRICS, Metric},
};

const METADATA: Metadata<'static> = Metadata::new("lifecycle", Level::INFO, Some("lifecycle"));

/// Tells the recorder everything as it is now: for a handler that is about to answer a scrape.
/// Before the process's `run` has begun, and without a recorder, nothing happens. What a scenario
/// of a test does is never told.
///
/// ```
/// # struct Prometheus;
/// # impl Prometheus { fn render(&self) -> String { String::new() } }
/// # let prometheus = Prometheus;
/// let answer = || {
///     lifecycle_telemetry::metrics::refresh();
///     prometheus.render()
/// };
/// # answer();
/// ```
///
/// # Panics
///
/// When the recorder does; when the system grants no thread to the first call.
pub fn refresh() {
    if let Some(exported) = Exported::of_process() {
        begin_once(exported);
        push(exported);
    }
}

/// A recorder may have come since the last time: nothing of it is kept.
pub(crate) fn push(exported: &Exported) {
    let samples = exported.samples();
    metrics::with_recorder(|recorder| {
        for metric in METRICS {
            let (name, help) = (SharedString::from(metric.prometheus_name()), metric.help.into());
            let unit = unit(metric);
            match metric.kind {
                Kind::Gauge => recorder.describe_gauge(name.into(), unit, help),
                Kind::Counter => recorder.describe_counter(name.into(), unit, help),
            }
        }
        for Sample { metric, labels, value } in samples {
            let names = metric.labels.iter().copied();
            let labels: Vec<_> =
                names.zip(labels).map(|(name, value)| Label::new(name, value)).collect();
            let key = Key::from_parts(metric.prometheus_name(), labels);
            match metric.kind {
                Kind::Gauge => recorder.register_gauge(&key, &METADATA).set(value),
                // Counts, which a float holds exactly.
                Kind::Counter => recorder.register_counter(&key, &METADATA).absolute(value as u64),
            }
        }
    });
}

fn unit(metric: &Metric) -> Option<Unit> {
    (metric.unit == table::Unit::Seconds).then_some(Unit::Seconds)
}
