//! What each endpoint answers, before and while the service stops.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::{Client, Method, Response, StatusCode, header};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};

use crate::{
    clients::client,
    service::{Process, Setup, dir},
};

#[tokio::test]
async fn an_order_is_placed_found_and_dispatched() {
    let dir = dir();
    let service = Setup { work: Duration::ZERO, ..Setup::new(&dir, None) }.start().await;
    let client = client();
    let placed = post(&client, &service, json!({ "sku": "tea", "quantity": 3 }).to_string()).await;
    assert_eq!(placed.status(), StatusCode::CREATED);
    let location = placed.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let id = placed.json::<Value>().await.unwrap()["id"].as_i64().unwrap();
    assert_eq!(location, format!("/orders/{id}"));
    let mut order = json!({ "id": id, "sku": "tea", "quantity": 3, "dispatched": false });
    loop {
        let found = get(&client, &service, &location).await;
        assert_eq!(found.status(), StatusCode::OK);
        let found: Value = found.json().await.unwrap();
        if found["dispatched"] == true {
            order["dispatched"] = true.into();
            assert_eq!(found, order);
            break;
        }
        assert_eq!(found, order);
        time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(get(&client, &service, "/orders/4711").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(get(&client, &service, "/livez").await.status(), StatusCode::OK);
    let ready = get(&client, &service, "/readyz").await;
    assert_eq!(ready.status(), StatusCode::OK);
    assert!(!ready.headers().contains_key(header::CONNECTION));
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(ready["state"], "running");
    assert!(ready["in_flight"].is_u64(), "{ready}");
}

#[tokio::test]
async fn bad_input_is_unprocessable() {
    let dir = dir();
    let service = Setup::new(&dir, None).start().await;
    let client = client();
    for body in [
        "",
        "tea",
        "{}",
        r#"{"sku": "tea"}"#,
        r#"{"sku": " ", "quantity": 3}"#,
        r#"{"sku": "tea", "quantity": 0}"#,
        r#"{"sku": "tea", "quantity": "three"}"#,
        r#"{"sku": "tea", "quantity": 3, "colour": "green"}"#,
    ] {
        let answer = post(&client, &service, body.to_owned()).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn while_it_delays_it_serves_and_says_goodbye() {
    let dir = dir();
    let setup =
        Setup { work: Duration::ZERO, delay: Duration::from_secs(20), ..Setup::new(&dir, None) };
    let mut service = setup.start().await;
    service.signal(Signal::TERM);
    service.wait_for("delaying").await;
    let client = client();
    let ready = get(&client, &service, "/readyz").await;
    assert_eq!((ready.status(), closes(&ready)), (StatusCode::SERVICE_UNAVAILABLE, true));
    assert_eq!(ready.json::<Value>().await.unwrap()["state"], "delaying");
    let live = get(&client, &service, "/livez").await;
    assert_eq!((live.status(), closes(&live)), (StatusCode::OK, true));
    let placed = post(&client, &service, json!({ "sku": "tea", "quantity": 3 }).to_string()).await;
    assert_eq!((placed.status(), closes(&placed)), (StatusCode::CREATED, true));
}

/// A request whose head came before the drain was let in, and its body is waited for.
#[tokio::test]
async fn an_order_that_was_begun_is_placed() {
    let dir = dir();
    let mut service = Setup::new(&dir, None).start().await;
    let mut connection = connect(&service).await;
    connection.write_all(order_head().as_bytes()).await.unwrap();
    // The service asks for the body once the handler waits for it.
    let mut continues = [0; 25];
    connection.read_exact(&mut continues).await.unwrap();
    assert_eq!(&continues, b"HTTP/1.1 100 Continue\r\n\r\n");
    service.signal(Signal::TERM);
    service.wait_for("draining").await;
    connection.write_all(ORDER.as_bytes()).await.unwrap();
    let answer = rest(&mut connection).await;
    for expected in ["http/1.1 201 created\r\n", "\r\nconnection: close\r\n"] {
        assert!(answer.contains(expected), "{expected:?} is not in {answer}");
    }
    assert!(service.ended().await.status.success());
}

/// On a connection that was there: it is answered, and not closed in the client's face.
#[tokio::test]
async fn an_order_that_comes_too_late_is_refused() {
    let dir = dir();
    let mut service = Setup::new(&dir, None).start().await;
    let mut connection = connect(&service).await;
    // Keeps the drain going.
    let mut slow = connect(&service).await;
    slow.write_all(order_head().as_bytes()).await.unwrap();
    slow.read_exact(&mut [0; 25]).await.unwrap();
    service.signal(Signal::TERM);
    service.wait_for("draining").await;
    connection.write_all(format!("{}{ORDER}", order_head()).as_bytes()).await.unwrap();
    let answer = rest(&mut connection).await;
    for expected in [
        "http/1.1 503 service unavailable\r\n",
        "\r\nretry-after: 1\r\n",
        "\r\nconnection: close\r\n",
        "the order service is stopping, try again",
    ] {
        assert!(answer.contains(expected), "{expected:?} is not in {answer}");
    }
    slow.write_all(ORDER.as_bytes()).await.unwrap();
    assert!(rest(&mut slow).await.contains("http/1.1 201 created\r\n"));
    assert!(service.ended().await.status.success());
}

#[tokio::test]
async fn who_follows_the_feed_is_told_of_orders_and_let_go_when_it_drains() {
    let dir = dir();
    let service = Setup { work: Duration::ZERO, ..Setup::new(&dir, None) }.start().await;
    let client = client();
    let mut feed = get(&client, &service, "/orders/feed").await;
    assert_eq!(feed.headers()[header::CONTENT_TYPE], "text/event-stream");
    let placed = post(&client, &service, ORDER.to_owned()).await;
    let id = &placed.json::<Value>().await.unwrap()["id"];
    assert_eq!(feed.chunk().await.unwrap().unwrap(), format!("data: {id}\n\n"));
    service.signal(Signal::TERM);
    assert_eq!(feed.chunk().await.unwrap(), None, "it ends whole");
    assert!(service.ended().await.status.success());
}

#[tokio::test]
async fn orders_on_a_socket_are_placed_and_the_client_is_told_to_go() {
    let dir = dir();
    let service = Setup::new(&dir, None).start().await;
    let url = service.url.replace("http:", "ws:");
    let (mut socket, _) = connect_async(format!("{url}/orders/socket")).await.unwrap();
    socket.send(Message::text("tea")).await.unwrap();
    let answer = socket.next().await.unwrap().unwrap();
    assert!(answer.to_text().unwrap().starts_with(r#"{"error":"#), "{answer:?}");
    // It is being placed when the signal comes.
    socket.send(Message::text(ORDER)).await.unwrap();
    time::sleep(Duration::from_millis(100)).await;
    service.signal(Signal::TERM);
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(r#"{"id":1}"#));
    let Message::Close(Some(close)) = socket.next().await.unwrap().unwrap() else {
        panic!("no close")
    };
    assert_eq!(close.code, CloseCode::Away);
    let ended = service.ended().await;
    assert!(ended.status.success(), "{}", ended.log.join("\n"));
}

/// It answers before main and to the end, and is no part of the service's own port.
#[tokio::test]
async fn probes_have_a_port_of_their_own() {
    let dir = dir();
    let delay = Duration::from_secs(1);
    let mut service = Setup { delay, ..Setup::new(&dir, None) }.start().await;
    let client = client();
    let probe = async |path: &str| {
        let answer = client.get(format!("{}{path}", service.health)).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let checks = "[+]lifecycle ok\n[+]database ok\nreadyz check passed\n";
    assert_eq!(probe("/readyz?verbose").await, (StatusCode::OK, checks.to_owned()));
    service.signal(Signal::TERM);
    while probe("/readyz").await.0 == StatusCode::OK {}
    assert_eq!(probe("/livez").await.0, StatusCode::OK);
    let details = probe("/readyz").await.1;
    assert!(details.contains("it is delaying"), "{details}");
    service.wait_for("draining").await;
    assert!(service.ended().await.status.success());
}

#[tokio::test]
async fn a_setting_that_cannot_be_read_is_named() {
    let dir = dir();
    let mut command = Setup::new(&dir, None).command();
    command.env("ORDERS_WORK_MS", "fast");
    let ended = Process::start(command).ended().await;
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.printed("ORDERS_WORK_MS=fast: write a whole number of milliseconds"),
        "{:?}",
        ended.log
    );
}

const ORDER: &str = r#"{"sku": "tea", "quantity": 3}"#;

fn order_head() -> String {
    format!(
        "POST /orders HTTP/1.1\r\nhost: orders\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n\
         content-length: {}\r\n\r\n",
        ORDER.len()
    )
}

async fn connect(service: &Process) -> TcpStream {
    TcpStream::connect(service.url.trim_start_matches("http://")).await.unwrap()
}

async fn rest(connection: &mut TcpStream) -> String {
    let mut rest = String::new();
    connection.read_to_string(&mut rest).await.unwrap();
    rest.to_lowercase()
}

async fn get(client: &Client, service: &Process, path: &str) -> Response {
    let request = client.request(Method::GET, format!("{}{path}", service.url));
    request.header(header::ACCEPT, "application/json").send().await.unwrap()
}

async fn post(client: &Client, service: &Process, body: String) -> Response {
    let request = client.post(format!("{}/orders", service.url));
    request.header(header::CONTENT_TYPE, "application/json").body(body).send().await.unwrap()
}

fn closes(answer: &Response) -> bool {
    answer.headers().get(header::CONNECTION).is_some_and(|value| value == "close")
}
