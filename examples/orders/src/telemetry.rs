//! What the service counts about itself.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// What is to be scraped, in the words of Prometheus.
pub fn metrics() -> String {
    static PROMETHEUS: LazyLock<PrometheusHandle> = LazyLock::new(|| {
        PrometheusBuilder::new().install_recorder().expect("no other recorder is installed")
    });
    let prometheus = &*PROMETHEUS;
    lifecycle::metrics::refresh();
    prometheus.render()
}

/// Counters that are shipped in intervals, and once more at the very end. Here shipping is a line
/// in the log.
#[derive(Debug, Default)]
pub struct Telemetry {
    placed: AtomicU64,
    dispatched: AtomicU64,
}

impl Telemetry {
    /// An order was stored.
    pub fn count_placed(&self) {
        self.placed.fetch_add(1, Ordering::Relaxed);
    }

    /// So many orders were dispatched.
    pub fn count_dispatched(&self, orders: usize) {
        self.dispatched.fetch_add(orders as u64, Ordering::Relaxed);
    }

    /// Ships what was counted.
    pub fn flush(&self) {
        let (placed, dispatched) =
            (self.placed.load(Ordering::Relaxed), self.dispatched.load(Ordering::Relaxed));
        tracing::info!(placed, dispatched, "telemetry flushed");
    }
}
