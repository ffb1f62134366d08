//! A worker that runs, and what clients say to it.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use lifecycle::Report;
use lifecycle_process_tests::{Child, Ending, Service, Signal};
use serde_json::{Value, json};

/// Nothing that is waited for takes this long, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a database, and how workers are started on it.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    started: usize,
}

/// A worker that listens.
pub(crate) struct Worker {
    child: Child,
    addr: String,
    report: PathBuf,
}

/// A worker that has ended.
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    /// None where it was killed.
    pub(crate) report: Option<Report>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, variables: Vec::new(), started: 0 }
    }

    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.folder.path().join("worker.db")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Not waited for.
    pub(crate) fn service(&self) -> Service {
        let service = Service::at(env!("CARGO_BIN_EXE_worker"))
            .env("WORKER_ADDR", "127.0.0.1:0")
            .env("WORKER_DB", self.db());
        self.variables.iter().fold(service, |service, (name, value)| service.env(name, value))
    }

    pub(crate) fn start(&mut self) -> Worker {
        self.started += 1;
        let report = self.folder.path().join(format!("{}.json", self.started));
        let child = self.service().env("LIFECYCLE_REPORT", &report).start();
        let line = child.wait_for("listening on http://");
        let (_, addr) = line.rsplit_once("http://").expect("an address");
        Worker { addr: addr.to_owned(), child, report }
    }
}

impl Worker {
    pub(crate) fn addr(&self) -> &str {
        &self.addr
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        self.child.signal(signal);
    }

    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.child.wait_for(text)
    }

    pub(crate) fn end(self) -> Ended {
        let ending = self.child.end();
        let report = fs::read_to_string(&self.report).ok();
        let report = report.map(|text| Report::from_json(&text).expect("a report"));
        Ended { ending, report }
    }

    /// Asked to stop, it ends well.
    pub(crate) fn stop(mut self) -> Ended {
        self.signal(Signal::TERM);
        let ended = self.end();
        ended.ending.exits(0);
        ended
    }
}

/// Enqueues; the status that was answered, or `None` where nobody did.
pub(crate) fn enqueue(addr: &str, tasks: &[Value]) -> Option<u16> {
    let body = Value::from(tasks).to_string();
    let length = body.len();
    let request = format!(
        "POST /jobs HTTP/1.1\r\nhost: worker\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    answer(addr, &request).map(|(status, _)| status)
}

/// How often each kind has taken effect.
pub(crate) fn effects(addr: &str) -> Value {
    let request = "GET /effects HTTP/1.1\r\nhost: worker\r\nconnection: close\r\n\r\n";
    answer(addr, request).and_then(|(_, body)| serde_json::from_str(&body).ok()).unwrap_or_default()
}

pub(crate) fn task(kind: &str, key: &str, work_ms: u64) -> Value {
    json!({ "kind": kind, "key": key, "payload": { "work_ms": work_ms } })
}

fn answer(addr: &str, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(addr).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
