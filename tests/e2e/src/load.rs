//! Requests for as long as it takes, and what became of each.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{net::TcpStream, task::JoinSet};

use crate::{
    http1::{Connection, Failure},
    tls::Trust,
};

/// How a client uses connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Style {
    /// HTTP/1, a connection for each request.
    Fresh,
    /// HTTP/1, one for as long as the server keeps it.
    Kept,
    /// The same over TLS.
    Tls,
    /// HTTP/2, streams on one for as long as the server takes any.
    Http2,
    /// gRPC in the same way: unary calls.
    Grpc,
    /// Event streams, each read for half a second or to its end.
    Events,
}

/// Load that goes on until it is told to end.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
    trust: Option<Trust>,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Seen {
    /// How many were answered as they should be.
    pub answered: u64,
    /// The others: by the style, whether the connection had been used before, and what happened.
    pub failed: BTreeMap<(Style, bool, Failure), u64>,
    /// Streams of HTTP/2 that a GOAWAY said were not processed, as the client had them in its queue
    /// when it came. A client sends them on its next connection (RFC 9113, 6.8).
    pub unprocessed: u64,
    /// The orders that were acknowledged.
    pub orders: HashSet<String>,
}

impl Seen {
    /// How many failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.answered + self.failures()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed of {}", self.failures(), self.total())?;
        if self.unprocessed > 0 {
            write!(f, ", {} unprocessed", self.unprocessed)?;
        }
        for ((style, reused, failure), count) in &self.failed {
            let connection = if *reused { "used" } else { "new" };
            write!(f, "; {count} x {failure:?} ({style:?}, {connection} connection)")?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Shared {
    /// Orders of `examples/orders`.
    are_real: bool,
    ends: AtomicBool,
    answered: AtomicU64,
    unprocessed: AtomicU64,
    next: AtomicU64,
    failed: Mutex<BTreeMap<(Style, bool, Failure), u64>>,
    orders: Mutex<HashSet<String>>,
}

impl Load {
    /// Nobody yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it is a running thing")]
    pub fn new() -> Self {
        Self { shared: Arc::default(), clients: JoinSet::new(), trust: None }
    }

    /// The server is `examples/orders`, and orders and answers are its own.
    #[must_use]
    pub fn of_orders() -> Self {
        let shared = Shared { are_real: true, ..Shared::default() };
        Self { shared: Arc::new(shared), ..Self::new() }
    }

    /// Whom the clients over TLS trust.
    #[must_use]
    pub fn trusting(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// So many clients more.
    #[must_use]
    pub fn clients(mut self, count: usize, style: Style, addr: SocketAddr) -> Self {
        for _ in 0..count {
            let shared = Arc::clone(&self.shared);
            match style {
                Style::Http2 | Style::Grpc => self.clients.spawn(http2(shared, addr, style)),
                Style::Events => self.clients.spawn(events(shared, addr)),
                Style::Fresh | Style::Kept | Style::Tls => {
                    let trust = self.trust.clone().filter(|_| style == Style::Tls);
                    self.clients.spawn(http1(shared, addr, style, trust))
                }
            };
        }
        self
    }

    /// How many requests there were so far.
    #[must_use]
    pub fn so_far(&self) -> u64 {
        self.shared.answered.load(Relaxed)
    }

    /// Lets each client finish what it does.
    pub async fn end(mut self) -> Seen {
        self.shared.ends.store(true, Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.expect("a client does not panic");
        }
        let take = |failed: &Mutex<BTreeMap<_, _>>| {
            std::mem::take(&mut *failed.lock().unwrap_or_else(PoisonError::into_inner))
        };
        Seen {
            answered: self.shared.answered.load(Relaxed),
            unprocessed: self.shared.unprocessed.load(Relaxed),
            failed: take(&self.shared.failed),
            orders: std::mem::take(
                &mut *self.shared.orders.lock().unwrap_or_else(PoisonError::into_inner),
            ),
        }
    }
}

impl Shared {
    fn note(&self, style: Style, reused: bool, result: Result<(), Failure>) {
        match result {
            Ok(()) => {
                self.answered.fetch_add(1, Relaxed);
            }
            Err(Failure::Unprocessed) => {
                self.unprocessed.fetch_add(1, Relaxed);
            }
            Err(failure) => {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                *failed.entry((style, reused, failure)).or_default() += 1;
            }
        }
    }

    /// The next request: method, path, and the body that is to come back.
    fn next(&self) -> (&'static str, String, String) {
        let n = self.next.fetch_add(1, Relaxed);
        if self.are_real {
            return if n.is_multiple_of(4) {
                let order = format!(r#"{{"sku": "order-{n}", "quantity": 1}}"#);
                ("POST", "/orders".to_owned(), order)
            } else {
                ("GET", "/orders/1".to_owned(), String::new())
            };
        }
        if n.is_multiple_of(4) {
            ("POST", "/orders".to_owned(), format!("order-{n}"))
        } else {
            ("GET", format!("/echo/{n}"), n.to_string())
        }
    }

    fn judge(&self, method: &str, status: u16, body: &str, expected: &str) -> Result<(), Failure> {
        match status {
            503 => Err(Failure::Unavailable),
            // What is acknowledged is noted as `id sku`.
            201 if self.are_real && method == "POST" => {
                let id = body.trim_matches(|c: char| !c.is_ascii_digit());
                let sku = expected.split('"').nth(3).unwrap_or_default();
                let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
                orders.insert(format!("{id} {sku}"));
                Ok(())
            }
            200 if self.are_real && body.starts_with(r#"{"id":1,"#) => Ok(()),
            200 if body == expected => {
                if method == "POST" {
                    let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
                    orders.insert(body.to_owned());
                }
                Ok(())
            }
            _ => Err(Failure::Wrong),
        }
    }
}

/// Shorter than any delay, so that a connection that is kept has been told.
async fn think() {
    tokio::time::sleep(Duration::from_micros(fastrand::u64(0..2_000))).await;
}

async fn http1(shared: Arc<Shared>, addr: SocketAddr, style: Style, trust: Option<Trust>) {
    let mut kept: Option<Connection> = None;
    while !shared.ends.load(Relaxed) {
        let (method, path, expected) = shared.next();
        let reused = kept.is_some();
        let result = async {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => match &trust {
                    Some(trust) => Connection::open_tls(addr, trust).await?,
                    None => Connection::open(addr).await?,
                },
            };
            let body = if method == "POST" { expected.as_str() } else { "" };
            connection.send(method, &path, body).await?;
            let answer = connection.answer().await?;
            if style != Style::Fresh && !answer.closes {
                kept = Some(connection);
            }
            shared.judge(method, answer.status, &answer.body, &expected)
        };
        let result = result.await;
        shared.note(style, reused, result);
        think().await;
    }
}

async fn events(shared: Arc<Shared>, addr: SocketAddr) {
    while !shared.ends.load(Relaxed) {
        let result = async {
            let mut connection = Connection::open(addr).await?;
            let path = if shared.are_real { "/orders/feed" } else { "/events" };
            connection.send("GET", path, "").await?;
            match tokio::time::timeout(Duration::from_millis(500), connection.answer()).await {
                Err(_) => Ok(()),
                Ok(Ok(answer)) if answer.status == 503 => Err(Failure::Unavailable),
                Ok(Ok(answer)) if answer.body.starts_with("data: ") => Ok(()),
                // It ended before an order came.
                Ok(Ok(answer)) if shared.are_real && answer.status == 200 => Ok(()),
                Ok(Ok(_)) => Err(Failure::Wrong),
                Ok(Err(failure)) => Err(failure),
            }
        };
        let result = result.await;
        shared.note(Style::Events, false, result);
        think().await;
    }
}

async fn http2(shared: Arc<Shared>, addr: SocketAddr, style: Style) {
    let mut kept: Option<h2::client::SendRequest<Bytes>> = None;
    while !shared.ends.load(Relaxed) {
        let (method, path, expected) = shared.next();
        // A GOAWAY that has come says to open another connection: no request was made on this one.
        let ready = match kept.take() {
            Some(client) => client.ready().await.ok(),
            None => None,
        };
        let reused = ready.is_some();
        let result = async {
            let mut client = match ready {
                Some(client) => client,
                None => {
                    let socket = TcpStream::connect(addr).await.map_err(|_| Failure::Refused)?;
                    let _ = socket.set_nodelay(true);
                    let shake = h2::client::handshake(socket).await;
                    let (client, connection) = shake.map_err(|error| failure_of(&error))?;
                    tokio::spawn(connection);
                    client.ready().await.map_err(|error| failure_of(&error))?
                }
            };
            if style == Style::Grpc {
                call(&mut client).await?;
                kept = Some(client);
                return Ok(());
            }
            let uri = format!("http://e2e{path}");
            let request = http::Request::builder().method(method).uri(uri);
            let request = request.header("content-type", "application/json").body(());
            let is_empty = method == "GET";
            let (response, mut send) = client
                .send_request(request.expect("a request"), is_empty)
                .map_err(|error| failure_of(&error))?;
            if !is_empty {
                let body = Bytes::from(expected.clone());
                send.send_data(body, true).map_err(|error| failure_of(&error))?;
            }
            let response = response.await.map_err(|error| failure_of(&error))?;
            let status = response.status().as_u16();
            let mut stream = response.into_body();
            let mut body = Vec::new();
            while let Some(data) = stream.data().await {
                let data = data.map_err(|_| Failure::EofWithin)?;
                let _ = stream.flow_control().release_capacity(data.len());
                body.extend_from_slice(&data);
            }
            kept = Some(client);
            shared.judge(method, status, &String::from_utf8_lossy(&body), &expected)
        };
        let result = result.await;
        shared.note(style, reused, result);
        think().await;
    }
}

/// A unary call of gRPC; its message is empty, as the service is asked for its health.
async fn call(client: &mut h2::client::SendRequest<Bytes>) -> Result<(), Failure> {
    let request = http::Request::post("http://e2e/app/grpc.health.v1.Health/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(());
    let (response, mut send) = client
        .send_request(request.expect("a request"), false)
        .map_err(|error| failure_of(&error))?;
    send.send_data(Bytes::from_static(&[0; 5]), true).map_err(|error| failure_of(&error))?;
    let response = response.await.map_err(|error| failure_of(&error))?;
    let is = |headers: &http::HeaderMap, status: &str| {
        headers.get("grpc-status").is_some_and(|given| given == status)
    };
    if is(response.headers(), "14") {
        return Err(Failure::Unavailable);
    }
    let mut stream = response.into_body();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data.map_err(|_| Failure::EofWithin)?;
        let _ = stream.flow_control().release_capacity(data.len());
        body.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await.map_err(|_| Failure::EofWithin)?;
    let is_ok = trailers.is_some_and(|trailers| is(&trailers, "0"));
    // SERVING.
    if is_ok && body == [0, 0, 0, 0, 2, 8, 1] { Ok(()) } else { Err(Failure::Wrong) }
}

fn failure_of(error: &h2::Error) -> Failure {
    if error.is_go_away() {
        Failure::Unprocessed
    } else if error.is_io() {
        Failure::EofBefore
    } else {
        Failure::Reset
    }
}
