//! A child process: what it prints, what it is sent, how it ends.

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use lifecycle::Report;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

/// Nothing that a test waits for takes this long, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How the service is to be started.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) database: String,
    pub(crate) work: Duration,
    pub(crate) delay: Duration,
    pub(crate) sabotage: &'static str,
    pub(crate) report_path: PathBuf,
}

impl Setup {
    /// On the database of this URL, or on a fresh SQLite in `dir`; the report goes to `dir`, too.
    pub(crate) fn new(dir: &TempDir, database: Option<String>) -> Self {
        let sqlite = || format!("sqlite://{}", dir.path().join("orders.db").display());
        Self {
            database: database.unwrap_or_else(sqlite),
            work: Duration::from_millis(200),
            delay: Duration::ZERO,
            sabotage: "",
            report_path: dir.path().join("report.json"),
        }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
        command
            .env("ORDERS_ADDR", "127.0.0.1:0")
            .env("ORDERS_HEALTH_ADDR", free_addr())
            .env("DATABASE_URL", &self.database)
            .env("ORDERS_WORK_MS", self.work.as_millis().to_string())
            .env("ORDERS_SABOTAGE", self.sabotage)
            .env("RUST_LOG", "info,orders=debug")
            // Nothing is lost for want of time, however busy the machine is.
            .env("LIFECYCLE_GRACE_PERIOD", "60s")
            .env("LIFECYCLE_HOOK_TIMEOUT__FLUSH_OUTBOX", "15s")
            .env("LIFECYCLE_HOOK_TIMEOUT__CLOSE_POOL", "5s")
            .env("LIFECYCLE_HOOK_TIMEOUT__FLUSH_TELEMETRY", "5s")
            .env("LIFECYCLE_SHUTDOWN_DELAY", format!("{}ms", self.delay.as_millis()))
            .env("LIFECYCLE_REPORT", &self.report_path);
        command
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(&self) -> Process {
        let health = free_addr();
        let mut command = self.command();
        command.env("ORDERS_HEALTH_ADDR", &health);
        let mut process = Process::start(command);
        process.health = format!("http://{health}");
        process.wait_for("running").await;
        process.wait_for("listening on ").await;
        process.url =
            process.line("listening on ").split("listening on ").nth(1).unwrap().to_owned();
        process
    }

    /// What was written to the report, by the last process that wrote one.
    pub(crate) fn report(&self) -> Option<Report> {
        Report::from_json(&std::fs::read_to_string(&self.report_path).ok()?).ok()
    }
}

/// A process that runs; it is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    lines: watch::Receiver<Vec<String>>,
    /// Where the service listens.
    pub(crate) url: String,
    /// Where it answers probes with all details.
    pub(crate) health: String,
}

/// What is left of a process.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) log: Vec<String>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (lines, received) = watch::channel(Vec::new());
        collect(child.stdout.take().unwrap(), lines.clone());
        collect(child.stderr.take().unwrap(), lines);
        Self { child, lines: received, url: String::new(), health: String::new() }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        // One that has ended by itself is no mistake here: what it printed will tell.
        let _ = kill_process(pid.expect("the process has been waited for"), signal);
    }

    /// Waits until it has printed a line that contains `text`.
    pub(crate) async fn wait_for(&mut self, text: &str) {
        let mut seen = 0;
        let printed = self.lines.wait_for(|lines| {
            let found = lines[seen..].iter().any(|line| line.contains(text));
            seen = lines.len();
            found
        });
        match timeout(PATIENCE, printed).await {
            Ok(Ok(_)) => return,
            Ok(Err(_)) => {}
            Err(_) => eprintln!("{PATIENCE:?} have passed"),
        }
        panic!("`{text}` was not printed, but:\n{}", self.lines.borrow().join("\n"));
    }

    /// The first line that contains `text`.
    pub(crate) fn line(&self, text: &str) -> String {
        self.lines.borrow().iter().find(|line| line.contains(text)).cloned().unwrap_or_default()
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(mut self) -> Ended {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| {
            panic!("it has not ended after {PATIENCE:?}:\n{}", self.lines.borrow().join("\n"))
        });
        // All has been read when both readers are gone.
        let _ = timeout(PATIENCE, self.lines.wait_for(|_| false)).await;
        Ended { status: status.unwrap(), log: self.lines.borrow().clone() }
    }
}

impl Ended {
    pub(crate) fn printed(&self, text: &str) -> bool {
        self.log.iter().any(|line| line.contains(text))
    }
}

/// An address that nobody listens at.
pub(crate) fn free_addr() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A fresh directory, gone when this is dropped.
pub(crate) fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn collect(output: impl AsyncRead + Unpin + Send + 'static, lines: watch::Sender<Vec<String>>) {
    let mut output = BufReader::new(output).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = output.next_line().await {
            lines.send_modify(|lines| lines.push(line));
        }
    });
}
