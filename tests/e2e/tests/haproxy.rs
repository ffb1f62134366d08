//! Two servers behind HAProxy, restarted in turns for the whole run.

use std::{
    collections::HashSet,
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use lifecycle_e2e::{
    App, HaProxy, Listening,
    http1::Connection,
    load::{Load, Seen, Style},
    orders, requests,
};
use rustix::process::{Pid, Signal, kill_process};

const APP: &str = env!("CARGO_BIN_EXE_e2e-app");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_loses_no_request() {
    let directory = tempfile::tempdir().unwrap();
    let vars = [("LIFECYCLE_SHUTDOWN_DELAY", "500ms")];
    let wanted = requests(20_000);
    let Some(Run { seen, restarts, stored }) = roll(directory.path(), &vars, wanted).await else {
        return;
    };
    println!("behind HAProxy, {restarts} restarts: {seen}");
    assert_eq!(seen.failures(), 0, "{seen}");
    let lost: Vec<_> = seen.orders.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and not stored: {lost:?}");
    assert!(restarts >= 4, "{restarts}");
}

/// The example as it is, on one database: what it acknowledged is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_orders_loses_no_request_and_no_order() {
    let program = orders();
    let directory = tempfile::tempdir().unwrap();
    // The first makes the schema.
    let mut first = Orders::start(&program, directory.path(), None);
    first.wait().await;
    let mut second = Orders::start(&program, directory.path(), None);
    second.wait().await;
    place_first(first.addr).await;
    let Some(proxy) = HaProxy::start(directory.path(), &[first.addr, second.addr]) else { return };
    let load = Load::of_orders()
        .clients(4, Style::Fresh, proxy.http1)
        .clients(8, Style::Kept, proxy.http1)
        .clients(8, Style::Http2, proxy.http2)
        .clients(4, Style::Events, proxy.http1);
    let mut restarts = 0;
    while load.so_far() < 10_000 || restarts < 6 {
        first.stop();
        first = Orders::start(&program, directory.path(), Some(first.addr));
        first.wait().await;
        tokio::time::sleep(Duration::from_millis(800)).await;
        std::mem::swap(&mut first, &mut second);
        restarts += 1;
    }
    let seen = load.end().await;
    println!("orders behind HAProxy, {restarts} restarts: {seen}");
    assert_eq!(seen.failures(), 0, "{seen}");
    let mut connection = Connection::open(first.addr).await.unwrap();
    for order in &seen.orders {
        let (id, sku) = order.split_once(' ').unwrap();
        connection.send("GET", &format!("/orders/{id}"), "").await.unwrap();
        let stored = connection.answer().await.unwrap().body;
        assert!(stored.contains(&format!(r#""sku":"{sku}""#)), "{order}: {stored}");
    }
    println!("{} orders acknowledged, and stored", seen.orders.len());
    assert!(seen.orders.len() > 1_000);
}

/// `examples/orders`, at work for 5 ms beside the time of its database.
struct Orders {
    child: Child,
    addr: SocketAddr,
}

impl Orders {
    fn start(program: &Path, directory: &Path, addr: Option<SocketAddr>) -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let addr = addr.unwrap_or_else(free);
        let child = Command::new(program)
            .env("ORDERS_ADDR", addr.to_string())
            .env("ORDERS_HEALTH_ADDR", free().to_string())
            .env("ORDERS_WORK_MS", "5")
            .env("DATABASE_URL", format!("sqlite://{}/orders.db", directory.display()))
            .env("LIFECYCLE_SHUTDOWN_DELAY", "500ms")
            .env("RUST_LOG", "warn")
            // The tests' own, which the library would take for a slip of the pen.
            .env_remove("LIFECYCLE_E2E")
            .env_remove("LIFECYCLE_E2E_REQUESTS")
            .spawn()
            .unwrap();
        Self { child, addr }
    }

    async fn wait(&self) {
        let began = Instant::now();
        while Connection::open(self.addr).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "it does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn stop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The order that is asked for.
async fn place_first(addr: SocketAddr) {
    let mut connection = Connection::open(addr).await.unwrap();
    connection.send("POST", "/orders", r#"{"sku": "first", "quantity": 1}"#).await.unwrap();
    assert_eq!(connection.answer().await.unwrap().status, 201);
}

/// The controls: what is told to be needed is needed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_delay_requests_are_lost() {
    let directory = tempfile::tempdir().unwrap();
    let vars = [("LIFECYCLE_SHUTDOWN_DELAY", "0s")];
    let Some(run) = roll(directory.path(), &vars, 8_000).await else { return };
    println!("behind HAProxy without a delay: {}", run.seen);
    assert!(run.seen.failures() > 0, "{}", run.seen);
}

/// As users have it today: the server stops at the signal, and no balancer was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_shutdown_of_axum_requests_are_lost() {
    let directory = tempfile::tempdir().unwrap();
    let Some(run) = roll(directory.path(), &[("SERVER", "axum")], 8_000).await else { return };
    println!("behind HAProxy with axum::serve: {}", run.seen);
    assert!(run.seen.failures() > 0, "{}", run.seen);
}

struct Run {
    seen: Seen,
    restarts: usize,
    stored: HashSet<String>,
}

async fn roll(directory: &Path, vars: &[(&str, &str)], wanted: u64) -> Option<Run> {
    let store = directory.join("orders");
    let mut vars = vars.to_vec();
    vars.push(("STORE", store.to_str().unwrap()));
    let mut apps = [
        Some(App::start(APP, &Listening::Own(0), &vars)),
        Some(App::start(APP, &Listening::Own(0), &vars)),
    ];
    let addrs = [0, 1].map(|n: usize| apps[n].as_ref().unwrap().addr);
    let proxy = HaProxy::start(directory, &addrs)?;
    let load = Load::new()
        .clients(10, Style::Fresh, proxy.http1)
        .clients(20, Style::Kept, proxy.http1)
        .clients(20, Style::Http2, proxy.http2)
        .clients(4, Style::Events, proxy.http1);
    let mut restarts = 0;
    while load.so_far() < wanted || restarts < 4 {
        let n = restarts % 2;
        let app = apps[n].take().unwrap();
        let ended = tokio::task::spawn_blocking(move || app.stop()).await.unwrap();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        apps[n] = Some(App::start(APP, &Listening::Own(addrs[n].port()), &vars));
        // Until its health has been seen.
        tokio::time::sleep(Duration::from_millis(800)).await;
        restarts += 1;
    }
    let seen = load.end().await;
    let stored = fs::read_to_string(store).unwrap_or_default();
    Some(Run { seen, restarts, stored: stored.lines().map(str::to_owned).collect() })
}
