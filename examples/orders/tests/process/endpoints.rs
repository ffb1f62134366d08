//! What each endpoint answers, before and while the service stops.

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode, header};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
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

/// A request whose head came before the drain and whose body came after it.
#[tokio::test]
async fn an_order_that_comes_too_late_is_refused() {
    let dir = dir();
    let mut service = Setup::new(&dir, None).start().await;
    let mut connection =
        TcpStream::connect(service.url.trim_start_matches("http://")).await.unwrap();
    let body = r#"{"sku": "tea", "quantity": 3}"#;
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: orders\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    // The service asks for the body once the handler waits for it.
    let mut continues = [0; 25];
    connection.read_exact(&mut continues).await.unwrap();
    assert_eq!(&continues, b"HTTP/1.1 100 Continue\r\n\r\n");
    service.signal(Signal::TERM);
    service.wait_for("draining").await;
    connection.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let answer = answer.to_lowercase();
    for expected in [
        "http/1.1 503 service unavailable\r\n",
        "\r\nretry-after: 1\r\n",
        "\r\nconnection: close\r\n",
    ] {
        assert!(answer.contains(expected), "{expected:?} is not in {answer}");
    }
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

async fn get(client: &Client, service: &Process, path: &str) -> Response {
    client.request(Method::GET, format!("{}{path}", service.url)).send().await.unwrap()
}

async fn post(client: &Client, service: &Process, body: String) -> Response {
    let request = client.post(format!("{}/orders", service.url));
    request.header(header::CONTENT_TYPE, "application/json").body(body).send().await.unwrap()
}

fn closes(answer: &Response) -> bool {
    answer.headers().get(header::CONNECTION).is_some_and(|value| value == "close")
}
