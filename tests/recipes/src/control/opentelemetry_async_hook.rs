//! What the hook is not async for: on a runtime of one thread it holds the runtime that is to send.

#[path = "../bin/opentelemetry/exporter.rs"]
mod exporter;

use std::time::Duration;

use lifecycle::on_shutdown;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{error::OTelSdkResult, trace::SdkTracerProvider};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

#[on_shutdown(order = 1_000_000, timeout = "5s")]
async fn export_spans(provider: SdkTracerProvider) -> OTelSdkResult {
    provider.shutdown_with_timeout(Duration::from_millis(1500))
}

#[lifecycle::main(flavor = "current_thread")]
async fn main() {
    let exporter = exporter::SpanLines::new();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
    tracing_subscriber::registry().with(spans).init();
    lifecycle::provide(provider);
    println!("up");
    lifecycle::draining().await;
}
