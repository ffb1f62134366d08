//! A collector on loopback gets all of a stop, on both kinds of runtime; one that is dead delays
//! the stop by no more than the hook has.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    metrics::v1::metric::Data,
    trace::v1::Span,
};
use rustix::process::{Pid, Signal, kill_process};
use tonic::{Request, Response, Status, async_trait, transport::Server};

/// What the hook has, in the service.
const HOOK: Duration = Duration::from_secs(1);
/// By how much two stops differ on a machine that is busy.
const NOISE: Duration = Duration::from_millis(500);

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    /// Name and attributes of each series, and the value it had last.
    metrics: HashMap<String, f64>,
    logs: Vec<String>,
    resources: Vec<String>,
}

#[async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut received = self.0.lock().unwrap();
        for resource in request.into_inner().resource_spans {
            received.resources.push(attributes(&resource.resource.unwrap_or_default().attributes));
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            received.spans.extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut received = self.0.lock().unwrap();
        let scopes = request.into_inner().resource_metrics.into_iter();
        let metrics = scopes.flat_map(|one| one.scope_metrics).flat_map(|scope| scope.metrics);
        for metric in metrics {
            let points = match metric.data {
                Some(Data::Gauge(gauge)) => gauge.data_points,
                Some(Data::Sum(sum)) => sum.data_points,
                other => panic!("{}: {other:?}", metric.name),
            };
            for point in points {
                use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
                let value = match point.value {
                    Some(Value::AsDouble(value)) => value,
                    Some(Value::AsInt(value)) => value as f64,
                    None => continue,
                };
                let name = format!("{}{{{}}}", metric.name, attributes(&point.attributes));
                received.metrics.insert(name, value);
            }
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let mut received = self.0.lock().unwrap();
        let scopes = request.into_inner().resource_logs.into_iter().flat_map(|one| one.scope_logs);
        for record in scopes.flat_map(|scope| scope.log_records) {
            received.logs.push(record.body.map(text).unwrap_or_default());
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

fn attributes(all: &[KeyValue]) -> String {
    let one =
        |it: &KeyValue| format!("{}={}", it.key, it.value.clone().map(text).unwrap_or_default());
    all.iter().map(one).collect::<Vec<_>>().join(",")
}

fn text(value: AnyValue) -> String {
    match value.value {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    }
}

impl Collector {
    /// On a thread of its own, for as long as the process.
    fn start() -> (Self, SocketAddr) {
        let collector = Self::default();
        let serves = collector.clone();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async move {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let incoming = tonic::transport::server::TcpIncoming::from(listener);
                Server::builder()
                    .add_service(TraceServiceServer::new(serves.clone()))
                    .add_service(MetricsServiceServer::new(serves.clone()))
                    .add_service(LogsServiceServer::new(serves))
                    .serve_with_incoming(incoming)
                    .await
                    .unwrap();
            });
        });
        (collector, addr)
    }

    /// Each span as its path from the root, sorted.
    fn paths(&self) -> Vec<String> {
        let received = self.0.lock().unwrap();
        let by_id: HashMap<_, _> =
            received.spans.iter().map(|span| (span.span_id.clone(), span)).collect();
        assert_eq!(by_id.len(), received.spans.len(), "each span arrives once");
        let name = |span: &Span| {
            let hook = span.attributes.iter().find(|attribute| attribute.key == "name");
            let hook = hook.and_then(|it| it.value.clone()).map(|name| format!(" {}", text(name)));
            format!("{}{}", span.name, hook.unwrap_or_default())
        };
        let mut paths: Vec<_> = received
            .spans
            .iter()
            .map(|span| {
                let mut path = vec![name(span)];
                let mut at = span;
                while !at.parent_span_id.is_empty() {
                    at = by_id.get(&at.parent_span_id).expect("no span has lost its parent");
                    assert_eq!(at.trace_id, span.trace_id);
                    path.push(name(at));
                }
                path.reverse();
                path.join(" / ")
            })
            .collect();
        paths.sort();
        paths
    }
}

struct Ended {
    took: Duration,
    code: Option<i32>,
    stderr: String,
}

/// Starts the service, stops it by SIGTERM once it is up, and waits for its end.
fn stop(runtime: &str, collector: SocketAddr) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_e2e-telemetry"))
        .env("RUNTIME", runtime)
        .env("COLLECTOR", format!("http://{collector}"))
        .env("POD_NAME", "orders-7f")
        .env("POD_NAMESPACE", "shop")
        .env_remove("LIFECYCLE_E2E")
        .env_remove("LIFECYCLE_E2E_REQUESTS")
        .env("LIFECYCLE_SHUTDOWN_DELAY", "0s")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut up = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut up).unwrap();
    let child = &mut Killed(child).0;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let began = Instant::now();
    kill_process(pid, Signal::TERM).unwrap();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it does not end");
        std::thread::sleep(Duration::from_millis(2));
    };
    let took = began.elapsed();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(up, "up\n", "{stderr}");
    Ended { took, code, stderr }
}

/// A test that fails leaves nobody behind.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_collector_gets_the_whole_trace_of_a_stop_on_one_thread_and_on_many() {
    for runtime in ["current_thread", "multi_thread"] {
        let (collector, addr) = Collector::start();
        let ended = stop(runtime, addr);
        assert_eq!(ended.code, Some(0), "{runtime}: {}", ended.stderr);
        println!("{runtime}: stopped and exported in {:.0?}", ended.took);
        assert_eq!(
            collector.paths(),
            [
                // The root has ended when it begins, so it has a trace of its own.
                "hook opentelemetry::flush",
                "place_order",
                "shutdown",
                "shutdown / drain",
                "shutdown / hook e2e_telemetry::close_pool",
                "shutdown / hook e2e_telemetry::flush_outbox",
                "shutdown / hook e2e_telemetry::flush_outbox / send_messages",
            ],
            "{runtime}"
        );
        let received = collector.0.lock().unwrap();
        let root = received.spans.iter().find(|span| span.name == "shutdown").unwrap();
        let drain = received.spans.iter().find(|span| span.name == "drain").unwrap();
        assert!(root.start_time_unix_nano <= drain.start_time_unix_nano);
        assert!(root.end_time_unix_nano >= drain.end_time_unix_nano);
        assert!(received.resources[0].contains("k8s.pod.name=orders-7f"), "{runtime}");
        assert!(received.resources[0].contains("k8s.namespace.name=shop"), "{runtime}");
        // As the very last collection found it, after the report.
        let metrics = &received.metrics;
        assert_eq!(metrics["lifecycle.state{state=stopped}"], 1.0, "{metrics:#?}");
        assert_eq!(metrics["lifecycle.calls.finished{site=e2e_telemetry::place_order}"], 1.0);
        assert_eq!(metrics["lifecycle.stop.requests{reason=signal}"], 1.0);
        let of_flush = "lifecycle.hook{hook=opentelemetry::flush,outcome=completed}";
        assert!(metrics.contains_key(of_flush), "{metrics:#?}");
        let summary = received.logs.iter().find(|line| line.contains("\"shutdown_id\""));
        let summary: serde_json::Value = serde_json::from_str(summary.unwrap()).unwrap();
        assert_eq!((&summary["clean"], &summary["pod"]), (&true.into(), &"orders-7f".into()));
        assert!(received.logs.iter().any(|line| line.starts_with("stopped cleanly")));
    }
}

fn a_dead_collector_delays_by_no_more_than_the_hook_has(addr: SocketAddr, why: &str) {
    let (_collector, alive) = Collector::start();
    for runtime in ["current_thread", "multi_thread"] {
        let usual = stop(runtime, alive).took;
        let ended = stop(runtime, addr);
        println!("{runtime}, {why}: stopped in {:.1?}, else in {usual:.1?}", ended.took);
        let late = ended.took.saturating_sub(usual);
        assert!(late < HOOK + NOISE, "{runtime}: {late:?}: {}", ended.stderr);
        assert_eq!(ended.code, Some(70), "{runtime}: {}", ended.stderr);
        for what in ["hook `opentelemetry::flush`", "the spans were not sent", "the logs were not"]
        {
            assert!(ended.stderr.contains(what), "{runtime}: {what}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_collector_that_is_not_there() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    a_dead_collector_delays_by_no_more_than_the_hook_has(addr, "refused");
}

#[test]
fn a_collector_that_accepts_and_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().collect::<Vec<_>>());
    a_dead_collector_delays_by_no_more_than_the_hook_has(addr, "never answers");
}
