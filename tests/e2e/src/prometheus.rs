//! A Prometheus that scrapes services, as Debian ships it.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A Prometheus that runs, and scrapes and evaluates every 250 ms. Dropped, it is killed.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    addr: SocketAddr,
}

impl Prometheus {
    /// Starts one that scrapes `jobs` and evaluates the rules of a file; `None` where none is
    /// installed and none is demanded.
    ///
    /// # Panics
    /// When it is demanded and missing, or does not start.
    #[must_use]
    pub fn start(directory: &Path, rules: &Path, jobs: &[(&str, SocketAddr)]) -> Option<Self> {
        let installed = ["prometheus", "promtool"].into_iter().all(|program| {
            Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok()
        });
        if !installed {
            assert!(!crate::all_is_demanded(), "prometheus is not installed");
            eprintln!("passed over: prometheus is not installed");
            return None;
        }
        let mut config = format!(
            "global: {{ scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms }}\n\
             rule_files: [{:?}]\nscrape_configs:\n",
            rules.display().to_string()
        );
        for (job, addr) in jobs {
            config.push_str(&format!(
                "  - {{ job_name: {job}, static_configs: [{{ targets: [{:?}] }}] }}\n",
                addr.to_string()
            ));
        }
        let path = directory.join("prometheus.yml");
        fs::write(&path, config).expect("a configuration");
        let addr = crate::haproxy::free_port();
        let log = fs::File::create(directory.join("prometheus.log")).expect("a log");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("tsdb").display()))
            .arg(format!("--web.listen-address={addr}"))
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()
            .expect("prometheus");
        let prometheus = Self { child, addr };
        let began = Instant::now();
        while get(addr, "/-/ready").is_none_or(|answer| !is_ok(&answer)) {
            assert!(began.elapsed() < Duration::from_secs(30), "prometheus does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(prometheus)
    }

    /// What it answers to a query: the labels of each series as JSON, with its value.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn query(&self, query: &str) -> String {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = get(self.addr, &format!("/api/v1/query?query={encoded}"));
        let answer = answer.expect("prometheus answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(is_ok(head), "{query}: {answer}");
        body.to_owned()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole answer to a request; `None` where nobody listens.
#[must_use]
pub fn get(addr: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(addr).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn is_ok(answer: &str) -> bool {
    answer.lines().next().is_some_and(|line| line.contains(" 200 "))
}
