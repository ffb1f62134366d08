//! Real sockets on loopback: what each kind of client sees of a stop, and what the report says of
//! it.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::Request;
use lifecycle_core::{Config, Report, State, ext, testing::Scenario};
use lifecycle_http::{Serve, Shared, health, serve, track};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};

const NO_DELAY: Duration = Duration::ZERO;
const DRAIN: Duration = Duration::from_secs(2);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_idle_connection_is_closed_within_a_second() {
    let (report, rest) = stop(NO_DELAY, async |addr| {
        let mut client = Client::connect(addr).await;
        assert_eq!(client.get("/").await.status, 200);
        lifecycle_core::shutdown("test");
        client.rest().await
    })
    .await;
    assert_eq!(rest, "");
    assert_ended_clean(&report, "connections: idle", SECOND);
}

#[tokio::test]
async fn a_silent_connection_is_closed_within_a_second() {
    let (report, rest) = stop(NO_DELAY, async |addr| {
        let mut client = Client::connect(addr).await;
        wait_until_accepted().await;
        lifecycle_core::shutdown("test");
        client.rest().await
    })
    .await;
    assert_eq!(rest, "");
    assert_ended_clean(&report, "connections: nothing sent", SECOND);
}

/// As half a handshake of TLS: it neither keeps others from being served nor holds the stop.
#[tokio::test]
async fn half_a_handshake_is_closed_within_a_second() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let listener = lifecycle_http::handshake(listener, |mut socket: TcpStream| async move {
        let mut greeting = [0; 5];
        socket.read_exact(&mut greeting).await?;
        Ok(socket)
    });
    let config = Config::new().shutdown_delay(NO_DELAY).drain_timeout(DRAIN);
    let scenario = Scenario::new().config(config);
    let server = serve(listener, app());
    let client = tokio::spawn(async move {
        let mut half = Client::connect(addr).await;
        half.send("hel").await;
        let mut whole = Client::connect(addr).await;
        whole.send("hello").await;
        assert_eq!(whole.get("/").await.status, 200);
        half
    });
    let (closed, rest) = tokio::sync::oneshot::channel();
    let main = async move {
        tokio::spawn(async move {
            let mut half = client.await.unwrap();
            lifecycle_core::shutdown("test");
            closed.send(half.rest().await).unwrap();
        });
        server.await.unwrap();
    };
    let report = scenario.main(main).run().await;
    let rest = rest.await.unwrap();
    assert_eq!(rest, "");
    assert_ended_clean(&report, "connections: nothing sent", SECOND);
}

#[tokio::test]
async fn half_a_head_is_closed_within_a_second() {
    for half in ["GET / HT", "PRI * HTTP"] {
        let (report, rest) = stop(NO_DELAY, async move |addr| {
            let mut client = Client::connect(addr).await;
            client.send(half).await;
            wait_until_accepted().await;
            lifecycle_core::shutdown("test");
            client.rest().await
        })
        .await;
        assert_eq!(rest, "");
        assert_ended_clean(&report, "connections: half a request head", SECOND);
    }
}

#[tokio::test]
async fn half_a_body_is_cut_at_the_end_of_the_drain_and_named() {
    let (report, rest) = stop(NO_DELAY, async |addr| {
        let mut client = Client::connect(addr).await;
        client.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n123").await;
        wait_until_accepted().await;
        lifecycle_core::shutdown("test");
        client.rest().await
    })
    .await;
    assert_eq!(rest, "");
    assert_abandoned(&report, "connections: half a request body");
    assert_abandoned(&report, "POST /echo");
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_cut_at_the_end_of_the_drain_and_named() {
    let (report, client) = stop(NO_DELAY, async |addr| {
        let mut client = Client::connect(addr).await;
        client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
        wait_until_accepted().await;
        lifecycle_core::shutdown("test");
        client
    })
    .await;
    drop(client);
    assert_abandoned(&report, "connections: answer not read");
    assert_abandoned(&report, "GET /large");
}

#[tokio::test]
async fn a_request_under_way_is_finished_and_its_connection_closed() {
    let (report, answer) = stop(NO_DELAY, async |addr| {
        let mut client = Client::connect(addr).await;
        client.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
        wait_until_accepted().await;
        lifecycle_core::shutdown("test");
        let answer = client.answer().await;
        assert_eq!(client.rest().await, "");
        answer
    })
    .await;
    assert_eq!((answer.status, answer.closes), (200, true));
    assert_ended_clean(&report, "connections: answering", SECOND * 2);
}

#[tokio::test]
async fn during_the_delay_everything_is_served_and_told_to_go_elsewhere() {
    let (report, ()) = stop(Duration::from_millis(600), async |addr| {
        let mut kept = Client::connect(addr).await;
        let answer = kept.get("/").await;
        assert_eq!((answer.status, answer.closes), (200, false));
        lifecycle_core::shutdown("test");
        sleep(Duration::from_millis(100)).await;
        assert_eq!(lifecycle_core::state(), State::Delaying);
        for client in [kept, Client::connect(addr).await] {
            let mut client = client;
            let answer = client.get("/").await;
            assert_eq!((answer.status, answer.closes), (200, true));
            assert_eq!(client.rest().await, "");
        }
    })
    .await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn a_connection_that_came_during_the_delay_is_served_although_it_asks_later() {
    let (report, status) = stop(Duration::from_millis(200), async |addr| {
        assert_eq!(Client::connect(addr).await.get("/").await.status, 200);
        lifecycle_core::shutdown("test");
        sleep(Duration::from_millis(100)).await;
        let mut client = Client::connect(addr).await;
        lifecycle_core::draining().await;
        sleep(Duration::from_millis(50)).await;
        client.get("/").await.status
    })
    .await;
    assert_eq!(status, 200);
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn what_comes_before_the_linger_ends_is_answered() {
    let (report, statuses) = stop(NO_DELAY, async |addr| {
        let mut idle = Client::connect(addr).await;
        assert_eq!(idle.get("/").await.status, 200);
        lifecycle_core::shutdown("test");
        lifecycle_core::draining().await;
        sleep(Duration::from_millis(200)).await;
        let mut fresh = Client::connect(addr).await;
        (idle.get("/").await.status, fresh.get("/").await.status)
    })
    .await;
    assert_eq!(statuses, (503, 503));
    assert_ended_clean(&report, "connections: answering", SECOND);
}

#[tokio::test]
async fn http2_without_a_pong_is_dropped_after_a_second() {
    let (report, client) = stop(NO_DELAY, async |addr| {
        let mut client = Client::connect(addr).await;
        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        client.0.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        wait_until_accepted().await;
        lifecycle_core::shutdown("test");
        client
    })
    .await;
    drop(client);
    assert_ended_clean(&report, "connections: HTTP/2 without streams", SECOND * 3 / 2);
}

#[tokio::test]
async fn streams_opened_within_a_round_trip_of_the_goaway_are_answered() {
    let (report, statuses) = stop(NO_DELAY, async |addr| {
        let mut client = http2(addr).await;
        assert_eq!(http2_get(&mut client, "/").await, 200);
        lifecycle_core::shutdown("test");
        lifecycle_core::draining().await;
        // The server was told before this task, and the client's connection has not been polled
        // since.
        let streams = (0..50).map(|_| {
            let mut client = client.clone();
            async move { http2_get(&mut client, "/slow").await }
        });
        futures_util::future::join_all(streams).await
    })
    .await;
    assert_eq!(statuses, [503; 50]);
    assert_ended_clean(&report, "connections: answering", SECOND);
}

/// The client was told too late to know better.
#[tokio::test]
async fn streams_on_the_way_when_the_delay_ends_are_served() {
    let tune = |serve: Serve<_, _, _>| serve.spread(Duration::from_secs(3600));
    let (report, statuses) = stop_with(Duration::from_millis(100), tune, async |addr| {
        let mut client = http2(addr).await;
        assert_eq!(http2_get(&mut client, "/").await, 200);
        lifecycle_core::shutdown("test");
        sleep(Duration::from_millis(50)).await;
        let fresh = http2(addr).await;
        lifecycle_core::draining().await;
        let streams = (0..50).map(|n| {
            let mut client = if n % 2 == 0 { client.clone() } else { fresh.clone() };
            async move { http2_get(&mut client, "/slow").await }
        });
        futures_util::future::join_all(streams).await
    })
    .await;
    assert_eq!(statuses, [200; 50]);
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn http2_streams_are_served_during_the_delay_and_those_under_way_finished() {
    let (report, statuses) = stop(Duration::from_millis(500), async |addr| {
        let mut client = http2(addr).await;
        assert_eq!(http2_get(&mut client, "/").await, 200);
        let mut other = client.clone();
        let slow = tokio::spawn(async move { http2_get(&mut other, "/slow").await });
        lifecycle_core::shutdown("test");
        sleep(Duration::from_millis(300)).await;
        let refused = client.clone().ready().await.is_err();
        assert!(refused, "the GOAWAY came within the spread");
        let mut fresh = http2(addr).await;
        (http2_get(&mut fresh, "/").await, slow.await.unwrap())
    })
    .await;
    assert_eq!(statuses, (200, 200));
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn an_endless_event_stream_ends_when_draining_begins() {
    let (report, rest) = stop(NO_DELAY, async |addr| {
        let mut client = Client::connect(addr).await;
        client.send("GET /events HTTP/1.1\r\nhost: a\r\n\r\n").await;
        wait_until_accepted().await;
        lifecycle_core::shutdown("test");
        client.rest().await
    })
    .await;
    assert!(rest.ends_with("0\r\n\r\n"), "the body came to its end: {rest}");
    assert_ended_clean(&report, "streams", SECOND);
}

#[tokio::test]
async fn a_server_that_is_dropped_leaves_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let _scenario = Scenario::new();
    let server = tokio::spawn(serve(listener, app()).into_future());
    let mut busy = Client::connect(addr).await;
    busy.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut upgraded = Client::connect(addr).await;
    upgraded
        .send("GET /raw HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: raw\r\n\r\n")
        .await;
    assert_eq!(upgraded.answer().await.status, 101);
    server.abort();
    assert_eq!(busy.rest().await, "");
    assert_eq!(upgraded.rest().await, "");
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn an_upgraded_connection_of_the_application_is_cut_at_the_end_and_named() {
    let (report, rest) = stop(NO_DELAY, async |addr| {
        let mut client = Client::connect(addr).await;
        client
            .send("GET /raw HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: raw\r\n\r\n")
            .await;
        assert_eq!(client.answer().await.status, 101);
        lifecycle_core::shutdown("test");
        client.rest().await
    })
    .await;
    assert_eq!(rest, "");
    assert_abandoned(&report, "connections: upgraded");
}

#[tokio::test]
async fn a_server_that_stays_up_is_asked_until_nothing_is_in_flight() {
    let tune = |serve: Serve<TcpListener, Router, Shared>| serve.stay_up();
    let (report, ()) = stop_with(NO_DELAY, tune, async |addr| {
        let mut slow = Client::connect(addr).await;
        slow.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
        wait_until_accepted().await;
        lifecycle_core::shutdown("test");
        lifecycle_core::draining().await;
        sleep(Duration::from_millis(500)).await;
        let mut probe = Client::connect(addr).await;
        assert_eq!(probe.get("/livez").await.status, 200);
        assert_eq!(Client::connect(addr).await.get("/").await.status, 503);
        assert_eq!(slow.answer().await.status, 200);
    })
    .await;
    assert_ended_clean(&report, "GET /slow", SECOND * 2);
}

#[tokio::test]
async fn an_inherited_socket_is_left_alone_when_draining_begins() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    let ours = TcpListener::from_std(listener.try_clone().unwrap()).unwrap();
    let scenario = Scenario::new();
    let server = serve(ours, app()).inherited();
    let client = tokio::spawn(async move {
        lifecycle_core::shutdown("test");
        lifecycle_core::draining().await;
        sleep(Duration::from_millis(20)).await;
        let mut client = Client::connect(addr).await;
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        client
    });
    let report = scenario.main(async { server.await }).run().await;
    assert!(report.is_clean(), "{report}");
    let _client = client.await.unwrap();
    // It waits for whoever holds the socket.
    assert!(listener.accept().is_ok());
}

#[tokio::test]
async fn a_first_request_that_does_not_come_has_a_timeout() {
    let tune = |serve: Serve<TcpListener, Router, Shared>| {
        serve.first_request_timeout(Duration::from_millis(100))
    };
    let (_, closed) = stop_with(NO_DELAY, tune, async |addr| {
        let mut client = Client::connect(addr).await;
        let began = Instant::now();
        client.rest().await;
        lifecycle_core::shutdown("test");
        began.elapsed()
    })
    .await;
    assert!((100..1000).contains(&closed.as_millis()), "{closed:?}");
}

#[tokio::test]
async fn a_service_can_be_made_for_each_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let scenario = Scenario::new();
    let who = |ConnectInfo(addr): ConnectInfo<SocketAddr>| async move { addr.to_string() };
    let app = Router::new().route("/", get(who));
    let server = serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    let client = tokio::spawn(async move {
        let mut client = Client::connect(addr).await;
        let me = client.0.local_addr().unwrap();
        let answer = client.get("/").await;
        lifecycle_core::shutdown("test");
        assert!(answer.text.ends_with(&me.to_string()), "{}", answer.text);
    });
    assert!(scenario.main(async { server.await }).run().await.is_clean());
    client.await.unwrap();
}

fn app() -> Router {
    let events = || async {
        let ticks = futures_util::stream::unfold((), |()| async {
            sleep(Duration::from_millis(10)).await;
            Some((Ok::<_, Infallible>(Bytes::from("data: tick\n\n")), ()))
        });
        ([("content-type", "text/event-stream")], Body::from_stream(ticks)).into_response()
    };
    let slow = || async {
        sleep(Duration::from_secs(1)).await;
        "slow"
    };
    let large = || async {
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        Body::from_stream(futures_util::stream::iter(
            (0..100).map(move |_| Ok::<_, Infallible>(piece.clone())),
        ))
    };
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/slow", get(slow))
        .route("/echo", post(|body: Bytes| async { body }))
        .route("/large", get(large))
        .route("/events", get(events))
        .route("/raw", get(raw))
        .layer(track())
        .merge(health())
}

/// Takes the connection and reads it to its end, as an application may.
async fn raw(mut request: Request<Body>) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let upgraded = upgrade.await.unwrap();
        let mut socket = hyper_util::rt::TokioIo::new(upgraded);
        let _ = socket.read_to_end(&mut Vec::new()).await;
    });
    Response::builder()
        .status(101)
        .header("connection", "upgrade")
        .header("upgrade", "raw")
        .body(Body::empty())
        .unwrap()
}

async fn stop<T: Send + 'static>(
    delay: Duration,
    client: impl AsyncFnOnce(SocketAddr) -> T + 'static,
) -> (Report, T) {
    stop_with(delay, |serve| serve, client).await
}

/// Serves, lets `client` ask for the stop, and returns its report.
async fn stop_with<T: Send + 'static>(
    delay: Duration,
    tune: impl FnOnce(Serve<TcpListener, Router, Shared>) -> Serve<TcpListener, Router, Shared>,
    client: impl AsyncFnOnce(SocketAddr) -> T + 'static,
) -> (Report, T) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let config = Config::new()
        .grace_period(Duration::from_secs(30))
        .shutdown_delay(delay)
        .drain_timeout(DRAIN);
    let scenario = Scenario::new().config(config);
    let server = tune(serve(listener, app()));
    let run = scenario.main(async { server.await }).run();
    let local = tokio::task::LocalSet::new();
    let client = local.spawn_local(async move { client(addr).await });
    let (report, client) = local
        .run_until(async {
            let report = timeout(Duration::from_secs(20), run).await.expect("it stops");
            (report, timeout(Duration::from_secs(20), client).await.expect("the client ends"))
        })
        .await;
    (report, client.unwrap())
}

async fn wait_until_accepted() {
    sleep(Duration::from_millis(50)).await;
}

#[track_caller]
fn assert_ended_clean(report: &Report, site: &str, within: Duration) {
    assert!(report.is_clean(), "{report}");
    assert!(report.total() <= within, "it took {:?}: {report}", report.total());
    let found = report.drain().sites().iter().find(|found| found.name() == site);
    assert!(found.is_some_and(|found| found.finished() > 0), "{site}: {report}");
}

#[track_caller]
fn assert_abandoned(report: &Report, site: &str) {
    assert_eq!(report.exit_code(), 70, "{report}");
    assert!(report.total() < DRAIN + SECOND / 2, "it took {:?}: {report}", report.total());
    let found = report.drain().sites().iter().find(|found| found.name() == site);
    assert_eq!(found.map(|found| found.abandoned()), Some(1), "{site}: {report}");
    // For who counts connections that were cut apart from work that was abandoned.
    let kind = found.and_then(|found| ext::connection_kind(found.name(), found.location()));
    let label = site.strip_prefix("connections: ").map(|kind| kind.replace(' ', "_"));
    let label = label.map(|label| label.replace("half_a_request", "half"));
    assert_eq!(kind, label.as_deref(), "{site}");
}

struct Client(TcpStream);

struct Answer {
    status: u16,
    closes: bool,
    text: String,
}

impl Client {
    async fn connect(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.unwrap())
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        self.answer().await
    }

    /// A head, and the body that it announces by its length.
    async fn answer(&mut self) -> Answer {
        let mut text = Vec::new();
        let mut missing = None;
        while missing != Some(0) {
            let byte = self.0.read_u8().await.expect("an answer");
            text.push(byte);
            if let Some(left) = &mut missing {
                *left -= 1;
            } else if text.ends_with(b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&text).to_lowercase();
                let length = head.split("content-length: ").nth(1);
                let length =
                    length.and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
                missing = Some(length.unwrap_or(0));
            }
        }
        let text = String::from_utf8(text).unwrap();
        Answer {
            status: text["HTTP/1.1 ".len()..][..3].parse().unwrap(),
            closes: text.to_lowercase().contains("connection: close"),
            text,
        }
    }

    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest).await;
        String::from_utf8(rest).unwrap()
    }
}

type Http2 = h2::client::SendRequest<Bytes>;

async fn http2(addr: SocketAddr) -> Http2 {
    let socket = TcpStream::connect(addr).await.unwrap();
    let (client, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn http2_get(client: &mut Http2, path: &str) -> u16 {
    let request = Request::builder().uri(format!("http://a{path}")).body(()).unwrap();
    let mut client = client.clone().ready().await.unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let response = response.await.unwrap();
    let status = response.status().as_u16();
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        data.unwrap();
    }
    status
}
