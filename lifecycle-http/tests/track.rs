//! The layer alone, without a socket.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, response::IntoResponse, routing::get};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use lifecycle_core::{Config, Site, State, testing::Scenario};
use lifecycle_http::{Drain, track};
use tokio::sync::Notify;
use tower::ServiceExt;

#[tokio::test(start_paused = true)]
async fn a_request_is_in_flight_until_its_body_has_ended() {
    let (finish, app) = streaming();
    let report = Scenario::new()
        .main(async move {
            let response = app.oneshot(get_request("/feed/7")).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            lifecycle_core::shutdown("test");
            lifecycle_core::draining().await;
            let sites = lifecycle_core::status();
            assert_eq!(sites.sites()[0].name(), FEED);
            finish.notify_one();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "first;inner call admitted");
        })
        .run()
        .await;
    assert!(report.is_clean(), "{report}");
    let sites = report.drain().sites();
    assert_eq!((sites[0].at_start(), sites[0].finished()), (1, 1), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_dropped_ends_its_request() {
    let (_finish, app) = streaming();
    let scenario = Scenario::new();
    let response = app.oneshot(get_request("/feed/7")).await.unwrap();
    assert_eq!(lifecycle_core::status().in_flight(), 1);
    drop(response);
    assert_eq!(lifecycle_core::status().in_flight(), 0);
    assert!(scenario.shutdown("test").await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_abandoned_under_its_route() {
    let (_finish, app) = streaming();
    let mut scenario = Scenario::new().config(short());
    let response = app.oneshot(get_request("/feed/7")).await.unwrap();
    scenario = scenario.main(async { lifecycle_core::draining().await });
    let report = scenario.shutdown("test").await;
    drop(response);
    assert_eq!(report.exit_code(), 70);
    let sites = report.drain().sites();
    assert_eq!((sites[0].name(), sites[0].abandoned()), (FEED, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_told_where_to_go_in_its_own_protocol() {
    let app = Router::new().route("/", get(|| async { "hello" })).layer(track());
    let report = Scenario::new()
        .main(async move {
            lifecycle_core::shutdown("test");
            lifecycle_core::draining().await;
            let http1 = app.clone().oneshot(get_request("/")).await.unwrap();
            assert_eq!(http1.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(http1.headers()["retry-after"], "1");
            assert_eq!(http1.headers()["connection"], "close");

            let mut request = get_request("/");
            *request.version_mut() = Version::HTTP_2;
            let http2 = app.clone().oneshot(request).await.unwrap();
            assert_eq!(http2.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(!http2.headers().contains_key("connection"));

            let mut request = get_request("/");
            *request.version_mut() = Version::HTTP_2;
            request.headers_mut().insert("content-type", "application/grpc+proto".parse().unwrap());
            let grpc = app.oneshot(request).await.unwrap();
            assert_eq!(grpc.status(), StatusCode::OK);
            assert_eq!(grpc.headers()["grpc-status"], "14");
            assert!(grpc.collect().await.unwrap().to_bytes().is_empty());
        })
        .run()
        .await;
    assert_eq!(report.drain().sites()[0].refused(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_and_what_is_left_alone_can_be_said() {
    let layer =
        track().name("public").except(|parts| parts.uri.path() == "/free").refused(|parts| {
            let mut response = Response::new(format!("not now: {}", parts.uri.path()));
            *response.status_mut() = StatusCode::IM_A_TEAPOT;
            response
        });
    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/free", get(|| async { "hello" }))
        .layer(layer);
    let report = Scenario::new()
        .main(async move {
            lifecycle_core::shutdown("test");
            lifecycle_core::draining().await;
            let refused = app.clone().oneshot(get_request("/")).await.unwrap();
            assert_eq!(refused.status(), StatusCode::IM_A_TEAPOT);
            assert_eq!(refused.headers()["connection"], "close");
            assert_eq!(text(refused).await, "not now: /");
            let free = app.oneshot(get_request("/free")).await.unwrap();
            assert_eq!(text(free).await, "hello");
        })
        .run()
        .await;
    let sites = report.drain().sites();
    assert_eq!(sites.len(), 1);
    assert_eq!((sites[0].name(), sites[0].refused()), ("public GET /", 1));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_is_dropped_and_answered() {
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = SetOnDrop(Arc::clone(&dropped));
    let app = Router::new()
        .route(
            "/",
            get(move || {
                let flag = flag.clone();
                async move {
                    let _flag = flag;
                    std::future::pending::<()>().await;
                }
            }),
        )
        .layer(track().drain(Drain::CancelAfter(Duration::from_secs(1))));
    let report = Scenario::new()
        .config(Config::new().drain_timeout(Duration::from_secs(20)))
        .main(async move {
            let request = tokio::spawn(app.oneshot(get_request("/")));
            tokio::task::yield_now().await;
            lifecycle_core::shutdown("test");
            lifecycle_core::draining().await;
            let began = tokio::time::Instant::now();
            let response = request.await.unwrap().unwrap();
            assert_eq!(began.elapsed().as_secs(), 1);
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(!response.headers().contains_key("retry-after"), "it ran in part");
            assert!(dropped.load(Ordering::Relaxed));
        })
        .run()
        .await;
    assert!(report.is_clean(), "{report}");
    let sites = report.drain().sites();
    assert_eq!((sites[0].cancelled(), sites[0].finished()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_body_fails_so_that_nobody_takes_a_part_for_the_whole() {
    let app = Router::new()
        .route("/", get(|| async { Body::from_stream(endless()) }))
        .layer(track().drain(Drain::Cancel));
    let report = Scenario::new()
        .main(async move {
            let mut body = app.oneshot(get_request("/")).await.unwrap().into_body();
            assert!(body.frame().await.unwrap().is_ok());
            lifecycle_core::shutdown("test");
            lifecycle_core::draining().await;
            let rest = body.collect().await;
            assert!(rest.unwrap_err().to_string().contains("cancelled"));
        })
        .run()
        .await;
    assert_eq!(report.drain().sites()[0].cancelled(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_ends_when_draining_begins_and_is_clean() {
    let stream = || async {
        let headers = [("content-type", "text/event-stream")];
        (headers, Body::from_stream(endless())).into_response()
    };
    let app = Router::new().route("/events", get(stream)).layer(track());
    let report = Scenario::new()
        .main(async move {
            let mut body = app.oneshot(get_request("/events")).await.unwrap().into_body();
            assert!(body.frame().await.unwrap().is_ok());
            assert_eq!(lifecycle_core::status().sites()[0].name(), "streams");
            lifecycle_core::shutdown("test");
            assert!(body.collect().await.is_ok());
            assert!(lifecycle_core::state() >= State::Draining);
        })
        .run()
        .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.drain().sites()[0].name(), "streams");
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_does_not_say_that_main_knows_of_the_drain() {
    let stream = || async {
        ([("content-type", "text/event-stream")], Body::from_stream(endless())).into_response()
    };
    let app = Router::new().route("/events", get(stream)).layer(track());
    let scenario = Scenario::new().config(short());
    let body = app.oneshot(get_request("/events")).await.unwrap().into_body();
    let began = tokio::time::Instant::now();
    let reader = tokio::spawn(body.collect());
    let report = scenario.main(std::future::pending::<()>()).shutdown("test").await;
    assert!(reader.await.unwrap().is_ok());
    assert!(began.elapsed() < Duration::from_secs(1), "main was given the drain's time: {report}");
}

fn streaming() -> (Arc<Notify>, Router) {
    static INNER: Site = Site::new("inner");
    let finish = Arc::new(Notify::new());
    let wait = Arc::clone(&finish);
    let body = move || {
        let wait = Arc::clone(&wait);
        async move {
            let first =
                futures_util::stream::once(async { Ok::<_, Infallible>(Bytes::from("first;")) });
            let rest = futures_util::stream::once(async move {
                wait.notified().await;
                let inner = INNER.track(async { "inner call admitted" }).await;
                Ok(Bytes::from(inner.unwrap_or("inner call refused")))
            });
            Body::from_stream(first.chain(rest))
        }
    };
    (finish, Router::new().route("/feed/{id}", get(body)).layer(track()))
}

fn endless() -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Some((Ok(Bytes::from("data: tick\n\n")), ()))
    })
}

/// The pattern is known only with the feature.
const FEED: &str = if cfg!(feature = "axum") { "GET /feed/{id}" } else { "GET /feed/7" };

fn get_request(path: &str) -> Request<Body> {
    Request::builder().uri(path).body(Body::empty()).unwrap()
}

async fn text<B: http_body::Body<Error: std::fmt::Debug>>(response: Response<B>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn short() -> Config {
    Config::new().grace_period(Duration::from_secs(30)).drain_timeout(Duration::from_secs(5))
}

#[derive(Clone)]
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
