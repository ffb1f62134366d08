use lifecycle::{HookHandle, opentelemetry::Flush, plan::PlanError};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

pub(crate) fn install(exporter: impl SpanExporter + 'static) -> Result<HookHandle, PlanError> {
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
    tracing_subscriber::registry().with(spans).init();
    Flush::new().tracer(&provider).register()
}
