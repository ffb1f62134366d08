//! `examples/orders` before the eyes of a real Prometheus, with the rules of `deploy/alerts.yaml`.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use lifecycle_e2e::{
    all_is_demanded, orders,
    prometheus::{Prometheus, get},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What the drain of the clean one waits for; several scrapes.
const WORK: Duration = Duration::from_millis(2_000);

struct Orders {
    child: Child,
    addr: SocketAddr,
    health: SocketAddr,
}

impl Orders {
    fn start(
        directory: &Path,
        name: &str,
        vars: &[(&str, &str)],
        at: Option<(SocketAddr, SocketAddr)>,
    ) -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (addr, health) = at.unwrap_or_else(|| (free(), free()));
        let child = Command::new(orders())
            .env("ORDERS_ADDR", addr.to_string())
            .env("ORDERS_HEALTH_ADDR", health.to_string())
            .env("ORDERS_WORK_MS", WORK.as_millis().to_string())
            .env("DATABASE_URL", format!("sqlite://{}/{name}.db", directory.display()))
            .env("LIFECYCLE_REPORT", directory.join(format!("{name}.json")))
            .env("LIFECYCLE_SHUTDOWN_DELAY", "0s")
            .env("RUST_LOG", "error")
            .envs(vars.iter().copied())
            // The tests' own, which the library would take for a slip of the pen.
            .env_remove("LIFECYCLE_E2E")
            .env_remove("LIFECYCLE_E2E_REQUESTS")
            .spawn()
            .unwrap();
        let orders = Self { child, addr, health };
        until(|| get(health, "/readyz").is_some_and(|answer| answer.contains(" 200 ")));
        orders
    }

    /// An order is placed; its answer is waited for elsewhere.
    fn place(&self) -> thread::JoinHandle<String> {
        let body = r#"{"sku": "tea", "quantity": 1}"#;
        let request = format!(
            "POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Type: application/json\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.addr).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        thread::spawn(move || {
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        })
    }

    fn terminate(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    fn at(&self) -> (SocketAddr, SocketAddr) {
        (self.addr, self.health)
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never is so");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The values of a query, by the label `by`.
fn values(prometheus: &Prometheus, query: &str, by: &str) -> Vec<(String, f64)> {
    let answer: Value = serde_json::from_str(&prometheus.query(query)).unwrap();
    let series = answer["data"]["result"].as_array().unwrap().iter().map(|series| {
        let label = series["metric"][by].as_str().unwrap_or_default().to_owned();
        (label, series["value"][1].as_str().unwrap().parse().unwrap())
    });
    series.collect()
}

fn value(prometheus: &Prometheus, query: &str) -> Option<f64> {
    values(prometheus, query, "job").first().map(|(_, value)| *value)
}

#[test]
fn a_drain_is_scraped_and_an_unclean_stop_alarms_and_a_clean_one_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    // What it abandons is 70.
    let short = [("LIFECYCLE_DRAIN_TIMEOUT", "300ms")];
    let clean = Orders::start(directory, "clean", &[], None);
    let unclean = Orders::start(directory, "unclean", &short, None);
    let jobs = [("clean", clean.health), ("unclean", unclean.health)];
    let rules = root().join("deploy/alerts.yaml").canonicalize().unwrap();
    let Some(prometheus) = Prometheus::start(directory, &rules, &jobs) else { return };
    let has = |query: &str, wanted: f64| value(&prometheus, query) == Some(wanted);

    // Before.
    until(|| has(r#"lifecycle_state{job="clean", state="running"}"#, 1.0));
    until(|| has(r#"lifecycle_ready{job="unclean"}"#, 1.0));
    let of_place = r#"site="orders::http::place_order""#;
    assert!(has(&format!(r#"lifecycle_in_flight{{job="clean", {of_place}}}"#), 0.0));
    assert_eq!(value(&prometheus, "lifecycle_last_shutdown_clean"), None);

    // While they drain.
    let answers = [clean.place(), unclean.place()];
    until(|| has(&format!(r#"sum(lifecycle_in_flight{{{of_place}}})"#), 2.0));
    clean.terminate();
    unclean.terminate();
    until(|| has(r#"lifecycle_state{job="clean", state="draining"}"#, 1.0));
    assert!(has(r#"lifecycle_ready{job="clean"}"#, 0.0));
    until(|| has(&format!(r#"lifecycle_calls_admitted_total{{job="clean", {of_place}}}"#), 1.0));
    until(|| value(&prometheus, r#"lifecycle_drain_seconds{job="clean"}"#) > Some(0.2));
    assert!(value(&prometheus, r#"lifecycle_drain_budget_seconds{job="clean"}"#) > Some(1.0));
    let reason = r#"lifecycle_stop_requests_total{job="clean", reason="signal"}"#;
    assert!(has(reason, 1.0));
    let (at_clean, at_unclean) = (clean.at(), unclean.at());
    assert_eq!(unclean.ended(), Some(70));
    assert_eq!(clean.ended(), Some(0));
    let [answer, _] = answers.map(|answer| answer.join().unwrap());
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");

    // After: the next start tells how the last stop was.
    let clean = Orders::start(directory, "clean", &[], Some(at_clean));
    let unclean = Orders::start(directory, "unclean", &[], Some(at_unclean));
    until(|| values(&prometheus, "lifecycle_last_shutdown_clean", "job").len() == 2);
    assert!(has(r#"lifecycle_last_shutdown_clean{job="clean"}"#, 1.0));
    assert!(has(r#"lifecycle_last_shutdown_clean{job="unclean"}"#, 0.0));
    assert!(has(r#"lifecycle_last_shutdown_exit_code{job="unclean"}"#, 70.0));
    assert!(value(&prometheus, r#"lifecycle_last_shutdown_abandoned{job="unclean"}"#) >= Some(1.0));
    assert!(has(r#"lifecycle_last_shutdown_reason{job="clean", reason="signal"}"#, 1.0));
    assert!(
        value(&prometheus, r#"lifecycle_last_shutdown_drain_seconds{job="clean"}"#) > Some(0.2)
    );
    let age = r#"time() - lifecycle_last_shutdown_timestamp_seconds{job="clean"}"#;
    assert!(value(&prometheus, age).is_some_and(|age| (-1.0..60.0).contains(&age)));
    let firing = r#"ALERTS{alertname="LifecycleStopUnclean", alertstate="firing"}"#;
    until(|| !values(&prometheus, firing, "job").is_empty());
    let abandoned = r#"ALERTS{alertname="LifecycleWorkAbandoned", alertstate="firing"}"#;
    until(|| !values(&prometheus, abandoned, "job").is_empty());
    // In all that time, evaluated four times a second.
    let all = values(&prometheus, "max_over_time(ALERTS[5m])", "job");
    assert!(all.iter().all(|(job, _)| job == "unclean"), "{all:?}");
    clean.terminate();
    unclean.terminate();
    assert_eq!((clean.ended(), unclean.ended()), (Some(0), Some(0)));
}

#[test]
fn the_rules_are_sound_and_pass_their_own_tests() {
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]] {
        let tool =
            Command::new("promtool").args(arguments).current_dir(root().join("deploy")).output();
        let Ok(output) = tool else {
            assert!(!all_is_demanded(), "promtool is not installed");
            return eprintln!("passed over: promtool is not installed");
        };
        assert!(output.status.success(), "{output:?}");
    }
}
