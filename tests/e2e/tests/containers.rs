//! `examples/orders` in containers: what `podman stop` does to it, and a rolling restart.

use std::{
    collections::HashSet,
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lifecycle_e2e::{
    HaProxy, Podman,
    http1::Connection,
    load::{Load, Style},
    orders, requests,
};
use tempfile::TempDir;

/// What a test has: podman with the image, and a volume in which the service may write.
struct Setup {
    podman: Podman,
    volume: PathBuf,
    directory: TempDir,
}

impl Setup {
    fn new() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let directory = tempfile::tempdir().unwrap();
        let podman = Podman::start(directory.path(), &root, &orders())?;
        let volume = directory.path().join("volume");
        fs::create_dir(&volume).unwrap();
        fs::set_permissions(&volume, fs::Permissions::from_mode(0o777)).unwrap();
        Some(Self { podman, volume, directory })
    }

    /// Starts a container that listens at `addr`, and waits until it does.
    async fn run(&self, name: &str, addr: SocketAddr, options: &[&str], vars: &[(&str, &str)]) {
        let (addr_text, health) = (addr.to_string(), free().to_string());
        let mut all = vec![
            ("ORDERS_ADDR", &*addr_text),
            ("ORDERS_HEALTH_ADDR", &health),
            ("DATABASE_URL", "sqlite:///data/orders.db"),
        ];
        all.extend(vars);
        self.podman.run(name, &self.volume, options, &all);
        let began = Instant::now();
        while Connection::open(addr).await.is_err() {
            let log = || self.podman.log(name);
            assert!(began.elapsed() < Duration::from_secs(30), "it does not start: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `podman stop`, while others go on.
    async fn stop(&self, name: &str, grace: u64) -> lifecycle_e2e::Stopped {
        tokio::task::block_in_place(|| self.podman.stop(name, grace))
    }

    /// Asks the service for each order that it acknowledged.
    async fn assert_stored(&self, addr: SocketAddr, orders: &HashSet<String>) {
        let mut connection = Connection::open(addr).await.unwrap();
        for order in orders {
            let (id, sku) = order.split_once(' ').unwrap();
            connection.send("GET", &format!("/orders/{id}"), "").await.unwrap();
            let stored = connection.answer().await.unwrap().body;
            assert!(stored.contains(&format!(r#""sku":"{sku}""#)), "{order}: {stored}");
        }
    }

    fn report(&self) -> String {
        fs::read_to_string(self.volume.join("report.txt")).unwrap_or_default()
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn place(addr: SocketAddr) -> u16 {
    let mut connection = Connection::open(addr).await.unwrap();
    connection.send("POST", "/orders", r#"{"sku": "first", "quantity": 1}"#).await.unwrap();
    connection.answer().await.map_or(0, |answer| answer.status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn podman_stop_of_a_container_under_load_loses_no_acknowledged_order() {
    let Some(setup) = Setup::new() else { return };
    for options in [&[][..], &["--init"]] {
        let addr = free();
        setup.run("orders", addr, options, &[]).await;
        assert_eq!(place(addr).await, 201);
        let load = Load::of_orders().clients(8, Style::Kept, addr).clients(4, Style::Http2, addr);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let stopped = setup.stop("orders", 10).await;
        let seen = load.end().await;
        println!("podman stop -t 10 {options:?}: {:?}, exit code {}", stopped.took, stopped.code);
        assert_eq!(stopped.code, 0, "{}", stopped.log);
        assert!(stopped.took < Duration::from_secs(8), "{:?}", stopped.took);
        assert_eq!(stopped.log.contains("pid=1 "), options.is_empty(), "{}", stopped.log);
        assert!(seen.orders.len() > 20, "{seen}");
        setup.run("orders", addr, options, &[]).await;
        setup.assert_stored(addr, &seen.orders).await;
        assert_eq!(setup.stop("orders", 10).await.code, 0);
    }
}

/// An order that takes a minute, and a platform that waits for two seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn podman_stop_with_two_seconds_meets_our_own_deadline_first_and_finds_the_report() {
    let Some(setup) = Setup::new() else { return };
    let vars = |grace| {
        [
            ("ORDERS_WORK_MS", "60000"),
            ("LIFECYCLE_GRACE_PERIOD", grace),
            ("LIFECYCLE_REPORT", "/data/report.txt"),
        ]
    };
    for options in [&[][..], &["--init"]] {
        let addr = free();
        setup.run("orders", addr, options, &vars("2s")).await;
        let order = tokio::spawn(place(addr));
        tokio::time::sleep(Duration::from_millis(300)).await;
        let stopped = setup.stop("orders", 2).await;
        order.abort();
        println!("podman stop -t 2 {options:?}: {:?}, exit code {}", stopped.took, stopped.code);
        assert_eq!(stopped.code, 70, "{}", stopped.log);
        let report = setup.report();
        assert!(report.contains("abandoned") && report.contains("POST /orders"), "{report}");
        fs::remove_file(setup.volume.join("report.txt")).unwrap();
    }
    // The control: the service believes in more than podman was told.
    let addr = free();
    setup.run("orders", addr, &[], &vars("30s")).await;
    let order = tokio::spawn(place(addr));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stopped = setup.stop("orders", 2).await;
    order.abort();
    assert_eq!(stopped.code, 137, "{}", stopped.log);
    assert_eq!(setup.report(), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_containers_loses_no_request_and_no_order() {
    let Some(setup) = Setup::new() else { return };
    let vars = [("LIFECYCLE_SHUTDOWN_DELAY", "500ms"), ("RUST_LOG", "warn")];
    // The first makes the schema.
    let addrs = [free(), free()];
    setup.run("orders-0", addrs[0], &[], &vars).await;
    setup.run("orders-1", addrs[1], &[], &vars).await;
    assert_eq!(place(addrs[0]).await, 201);
    let Some(proxy) = HaProxy::start(setup.directory.path(), &addrs) else { return };
    let load = Load::of_orders()
        .clients(4, Style::Fresh, proxy.http1)
        .clients(16, Style::Kept, proxy.http1)
        .clients(16, Style::Http2, proxy.http2)
        .clients(4, Style::Events, proxy.http1);
    let (wanted, mut restarts) = (requests(20_000).min(100_000), 0);
    while load.so_far() < wanted || restarts < 6 {
        let name = ["orders-0", "orders-1"][restarts % 2];
        let stopped = setup.stop(name, 10).await;
        assert_eq!(stopped.code, 0, "{}", stopped.log);
        setup.run(name, addrs[restarts % 2], &[], &vars).await;
        // Until its health has been seen.
        tokio::time::sleep(Duration::from_millis(800)).await;
        restarts += 1;
    }
    let seen = load.end().await;
    println!("containers behind HAProxy, {restarts} restarts: {seen}");
    assert_eq!(seen.failures(), 0, "{seen}");
    setup.assert_stored(addrs[0], &seen.orders).await;
    println!("{} orders acknowledged, and stored", seen.orders.len());
    assert!(seen.orders.len() > 1_000);
}
