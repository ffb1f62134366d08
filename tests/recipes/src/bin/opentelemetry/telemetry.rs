use lifecycle::{ShutdownContext, on_shutdown};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanExporter},
};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

pub(crate) fn install(exporter: impl SpanExporter + 'static) {
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
    tracing_subscriber::registry().with(spans).init();
    lifecycle::provide(provider);
}

/// Not async: it blocks until the last span is sent, which takes a runtime that runs.
#[on_shutdown(order = 1_000_000, timeout = "5s")]
fn export_spans(provider: SdkTracerProvider, context: &ShutdownContext) -> OTelSdkResult {
    // A little less, so that it fails in time instead of being stuck.
    provider.shutdown_with_timeout(context.time_left().mul_f64(0.9))
}
