//! Stands for the exporter of opentelemetry-otlp, which sends on the runtime that it was built on.

use std::fmt::Write;

use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};
use tokio::runtime::Handle;

/// Each span becomes a line of standard output.
#[derive(Debug)]
pub(crate) struct SpanLines {
    runtime: Handle,
}

impl SpanLines {
    pub(crate) fn new() -> Self {
        Self { runtime: Handle::current() }
    }
}

impl SpanExporter for SpanLines {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let lines: Vec<_> = batch.iter().map(line).collect();
        let sent = self.runtime.spawn(async move { lines.iter().for_each(|it| println!("{it}")) });
        sent.await.map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }
}

/// `span <trace> <id> <parent> <name> [<hook>]`
fn line(span: &SpanData) -> String {
    let context = &span.span_context;
    let (trace, id, parent) = (context.trace_id(), context.span_id(), span.parent_span_id);
    let mut line = format!("span {trace} {id} {parent} {}", span.name);
    for attribute in span.attributes.iter().filter(|attribute| attribute.key.as_str() == "name") {
        let _ = write!(line, " {}", attribute.value);
    }
    line
}
