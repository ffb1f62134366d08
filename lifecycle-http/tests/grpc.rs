//! gRPC through a stop, with tonic's client.
#![cfg(feature = "tonic")]

use std::{net::SocketAddr, time::Duration};

use lifecycle_core::{Config, Report, State, testing::Scenario};
use lifecycle_http::{grpc_health, serve, track};
use tokio::net::TcpListener;
use tonic::{Code, service::Routes, transport::Channel};
use tonic_health::{
    pb::{
        HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
        health_client::HealthClient,
    },
    server::{HealthReporter, HealthService},
};

type Client = HealthClient<Channel>;

#[tokio::test]
async fn a_watch_is_told_of_the_stop_and_holds_no_drain() {
    let routes = Routes::new(grpc_health());
    let (report, ()) = stop(routes, Duration::from_millis(300), async |addr| {
        let mut client = connect(addr).await;
        let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(status(watch.message().await.unwrap().unwrap()), ServingStatus::Serving);
        lifecycle_core::shutdown("test");
        assert_eq!(status(watch.message().await.unwrap().unwrap()), ServingStatus::NotServing);
        assert_eq!(watch.message().await.unwrap_err().code(), Code::Unavailable);
        assert_eq!(lifecycle_core::state(), State::Delaying);
        let mut client = connect(addr).await;
        let check = client.check(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(status(check), ServingStatus::NotServing);
    })
    .await;
    assert!(report.is_clean(), "{report}");
    assert!(report.total() < Duration::from_secs(1), "{report}");
}

#[tokio::test]
async fn a_call_is_refused_as_unavailable_while_draining_and_health_is_answered() {
    let routes = Routes::new(grpc_health());
    let (report, code) = stop(routes, Duration::ZERO, async |addr| {
        let mut client = connect_to_app(addr).await;
        let mut health = connect(addr).await;
        client.check(HealthCheckRequest::default()).await.unwrap();
        lifecycle_core::shutdown("test");
        while lifecycle_core::state() < State::Draining {
            tokio::task::yield_now().await;
        }
        let check = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(status(check), ServingStatus::NotServing);
        client.check(HealthCheckRequest::default()).await.unwrap_err().code()
    })
    .await;
    assert_eq!(code, Code::Unavailable);
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn a_stream_that_does_not_end_is_cut_at_the_end_of_the_drain_and_named() {
    // The plain health service: its watch never ends.
    let health = HealthService::from_health_reporter(HealthReporter::new());
    let routes = Routes::new(tonic_health::pb::health_server::HealthServer::new(health));
    let (report, watch) = stop(routes, Duration::ZERO, async |addr| {
        let mut client = connect_to_app(addr).await;
        let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        watch.message().await.unwrap();
        lifecycle_core::shutdown("test");
        watch
    })
    .await;
    drop(watch);
    assert_eq!(report.exit_code(), 70);
    assert!(report.total() < Duration::from_millis(2500), "{report}");
    let abandoned: Vec<_> = report
        .drain()
        .sites()
        .iter()
        .filter(|site| site.abandoned() > 0)
        .map(|site| site.name())
        .collect();
    assert_eq!(
        abandoned,
        ["POST /app/grpc.health.v1.Health/Watch", "connections: answering"],
        "{report}"
    );
}

async fn stop<T: 'static>(
    routes: Routes,
    delay: Duration,
    client: impl AsyncFnOnce(SocketAddr) -> T + 'static,
) -> (Report, T) {
    // Below `/app` it is a service of the application's like any other.
    let routes = routes.into_axum_router();
    let app = routes.clone().nest("/app", routes.reset_fallback()).layer(track());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let config = Config::new()
        .grace_period(Duration::from_secs(30))
        .shutdown_delay(delay)
        .drain_timeout(Duration::from_secs(2));
    let scenario = Scenario::new().config(config);
    let server = serve(listener, app);
    let local = tokio::task::LocalSet::new();
    let client = local.spawn_local(async move { client(addr).await });
    let report = scenario.main(async { server.await }).run();
    local.run_until(async { (report.await, client.await.unwrap()) }).await
}

async fn connect(addr: SocketAddr) -> Client {
    let endpoint = Channel::from_shared(format!("http://{addr}")).unwrap();
    HealthClient::new(endpoint.connect().await.unwrap())
}

async fn connect_to_app(addr: SocketAddr) -> Client {
    let endpoint = Channel::from_shared(format!("http://{addr}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    HealthClient::with_origin(channel, format!("http://{addr}/app").parse().unwrap())
}

fn status(response: HealthCheckResponse) -> ServingStatus {
    response.status()
}
