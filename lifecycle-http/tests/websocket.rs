//! WebSockets of axum through a stop, with real clients.
#![cfg(feature = "axum")]

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::ws::{Message, WebSocketUpgrade},
    routing::get,
};
use futures_util::{SinkExt, StreamExt};
use lifecycle_core::{Config, Report, Site, State, testing::Scenario};
use lifecycle_http::{WebSocketExt, serve, track};
use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::test]
async fn a_socket_is_told_to_go_away_and_its_end_is_clean() {
    let (report, close) = stop(Duration::ZERO, async |addr| {
        let mut client = connect(addr).await;
        assert_eq!(echo(&mut client, "hello").await, "hello, and the inner call is admitted");
        assert_eq!(lifecycle_core::status().sites()[0].name(), "streams");
        lifecycle_core::shutdown("test");
        close_code(&mut client).await
    })
    .await;
    assert_eq!(close, 1001);
    assert!(report.is_clean(), "{report}");
    assert!(report.total() < Duration::from_secs(1), "{report}");
    let names: Vec<_> = report.drain().sites().iter().map(|site| site.name()).collect();
    assert!(names.contains(&"streams") && names.contains(&"connections: upgraded"), "{report}");
}

#[tokio::test]
async fn a_socket_is_part_of_its_request_while_the_service_drains() {
    let (report, answer) = stop(Duration::from_millis(1500), async |addr| {
        let mut client = connect(addr).await;
        echo(&mut client, "hello").await;
        lifecycle_core::shutdown("test");
        wait_for(State::Draining).await;
        echo(&mut client, "still").await
    })
    .await;
    assert_eq!(answer, "still, and the inner call is admitted");
    assert!(report.total() < Duration::from_millis(2700), "{report}");
}

#[tokio::test]
async fn a_client_that_ignores_the_close_is_gone_a_second_later() {
    let (report, client) = stop(Duration::ZERO, async |addr| {
        let client = connect(addr).await;
        lifecycle_core::shutdown("test");
        client
    })
    .await;
    drop(client);
    assert!(report.is_clean(), "{report}");
    let took = report.total().as_millis();
    assert!((1000..1500).contains(&took), "{report}");
}

#[tokio::test]
async fn closes_are_spread() {
    const CLIENTS: usize = 100;
    let (report, closed) = stop(Duration::from_secs(1), async |addr| {
        let clients = futures_util::future::join_all((0..CLIENTS).map(|_| connect(addr))).await;
        lifecycle_core::shutdown("test");
        wait_for(State::Draining).await;
        let began = Instant::now();
        let closed = clients.into_iter().map(|mut client| async move {
            assert_eq!(close_code(&mut client).await, 1001);
            began.elapsed()
        });
        futures_util::future::join_all(closed).await
    })
    .await;
    assert!(report.is_clean(), "{report}");
    let mut closed = closed;
    closed.sort_unstable();
    let spread = closed[CLIENTS * 95 / 100] - closed[CLIENTS * 5 / 100];
    assert!(spread > Duration::from_millis(700), "{spread:?}");
    assert!(closed[CLIENTS - 1] < Duration::from_millis(1300), "{closed:?}");
}

#[tokio::test]
async fn an_upgrade_is_refused_while_draining() {
    let (_, status) = stop(Duration::ZERO, async |addr| {
        connect(addr).await;
        lifecycle_core::shutdown("test");
        wait_for(State::Draining).await;
        match connect_async(format!("ws://{addr}/socket")).await {
            Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
            other => panic!("{other:?}"),
        }
    })
    .await;
    assert_eq!(status, 503);
}

async fn stop<T: 'static>(
    spread: Duration,
    client: impl AsyncFnOnce(SocketAddr) -> T + 'static,
) -> (Report, T) {
    static INNER: Site = Site::new("inner");
    let socket = move |upgrade: WebSocketUpgrade| async move {
        upgrade.tracked().spread(spread).on_upgrade(|mut socket| async move {
            while let Some(Ok(message)) = socket.recv().await {
                let Message::Text(text) = message else { continue };
                let inner = INNER.track(async { "admitted" }).await.unwrap_or("refused");
                let answer = format!("{text}, and the inner call is {inner}");
                if socket.send(answer.into()).await.is_err() {
                    return;
                }
            }
        })
    };
    let app = Router::new().route("/socket", get(socket)).layer(track());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let config =
        Config::new().grace_period(Duration::from_secs(30)).drain_timeout(Duration::from_secs(5));
    let scenario = Scenario::new().config(config);
    let server = serve(listener, app);
    let local = tokio::task::LocalSet::new();
    let client = local.spawn_local(async move { client(addr).await });
    let report = scenario.main(async { server.await }).run();
    local.run_until(async { (report.await, client.await.unwrap()) }).await
}

async fn connect(addr: SocketAddr) -> Client {
    connect_async(format!("ws://{addr}/socket")).await.unwrap().0
}

async fn echo(client: &mut Client, text: &str) -> String {
    client.send(text.into()).await.unwrap();
    client.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

/// The code of the close that comes; it is answered.
async fn close_code(client: &mut Client) -> u16 {
    let mut code = None;
    while let Some(Ok(message)) = client.next().await {
        if let tungstenite::Message::Close(Some(frame)) = message {
            code = Some(frame.code.into());
        }
    }
    code.expect("a close")
}

async fn wait_for(state: State) {
    while lifecycle_core::state() < state {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
