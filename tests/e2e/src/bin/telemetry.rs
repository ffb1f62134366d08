//! A service that exports everything by OTLP: `RUNTIME=current_thread` or `multi_thread`, to
//! `COLLECTOR`.

use std::{env, error::Error, process::ExitCode, time::Duration};

use lifecycle::{Refused, on_shutdown, opentelemetry::Flush, tracked};
use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    logs::SdkLoggerProvider,
    metrics::{PeriodicReader, SdkMeterProvider},
    trace::SdkTracerProvider,
};
use tokio::runtime::Builder;
use tracing::instrument;
use tracing_subscriber::{
    filter::Targets, layer::Layer, layer::SubscriberExt, util::SubscriberInitExt,
};

struct Pool;

#[tracked]
#[instrument]
async fn place_order() -> Result<(), Refused> {
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(())
}

#[on_shutdown(timeout = "2s")]
async fn flush_outbox(_pool: &Pool) {
    send_messages().await;
}

#[instrument]
async fn send_messages() {}

#[on_shutdown(timeout = "2s")]
fn close_pool(_pool: Pool) {}

fn main() -> ExitCode {
    lifecycle::install();
    let mut runtime = match env::var("RUNTIME").as_deref() {
        Ok("current_thread") => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build().expect("a runtime");
    let report = runtime.block_on(lifecycle::run(service()));
    ExitCode::from(report.exit_code())
}

async fn service() -> Result<(), Box<dyn Error>> {
    export_to(&env::var("COLLECTOR")?)?;
    lifecycle::provide(Pool);
    tokio::spawn(place_order());
    // What the runtime has queued has begun.
    tokio::time::sleep(Duration::from_millis(50)).await;
    println!("up");
    lifecycle::draining().await;
    Ok(())
}

fn export_to(collector: &str) -> Result<(), Box<dyn Error>> {
    let resource = Resource::builder()
        .with_service_name("orders")
        .with_attributes(lifecycle::opentelemetry::pod())
        .build();
    let spans = SpanExporter::builder().with_tonic().with_endpoint(collector).build()?;
    let tracer = SdkTracerProvider::builder()
        .with_batch_exporter(spans)
        .with_resource(resource.clone())
        .build();
    let metrics = MetricExporter::builder().with_tonic().with_endpoint(collector).build()?;
    let meter = SdkMeterProvider::builder()
        .with_reader(PeriodicReader::builder(metrics).build())
        .with_resource(resource.clone())
        .build();
    let logs = LogExporter::builder().with_tonic().with_endpoint(collector).build()?;
    let logger =
        SdkLoggerProvider::builder().with_batch_exporter(logs).with_resource(resource).build();

    // What the exporters say of themselves is not exported.
    let ours = Targets::new()
        .with_target("lifecycle", tracing::Level::INFO)
        .with_target("e2e_telemetry", tracing::Level::INFO);
    tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(tracer.tracer("orders")))
        .with(OpenTelemetryTracingBridge::new(&logger).with_filter(ours.clone()))
        .with(ours)
        .init();
    global::set_meter_provider(meter.clone());
    let timeout = Duration::from_secs(1);
    Flush::new().tracer(&tracer).meter(&meter).logger(&logger).timeout(timeout).register()?;
    Ok(())
}
