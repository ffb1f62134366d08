use std::{
    collections::HashSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use lifecycle::Report;
use rustix::process::{Pid, Signal, kill_process};

use crate::{Broker, QUEUE};

/// How a worker is started.
#[derive(Clone, Debug)]
pub struct Setup {
    url: String,
    folder: PathBuf,
    lease: Duration,
    work: Duration,
    grace_period: Duration,
    fault: Option<Fault>,
}

/// What a worker does wrong: the controls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Acknowledges what it receives before it has worked on it.
    AcksFirst,
    /// Forgets what it was to give back.
    Drops,
    /// Never renews a lease.
    NeverRenews,
}

impl Setup {
    /// A worker of this broker, that writes into the ledger of this folder. Its leases are 30 s long,
    /// its jobs take up to 20 ms, and it has 20 s to stop.
    pub fn new(broker: &impl Broker, folder: &Path) -> Self {
        Self {
            url: broker.url(),
            folder: folder.to_owned(),
            lease: Duration::from_secs(30),
            work: Duration::from_millis(20),
            grace_period: Duration::from_secs(20),
            fault: None,
        }
    }

    /// How long leases are.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How long a job of the kind `long` takes, and one of any other at most.
    #[must_use]
    pub fn work(mut self, work: Duration) -> Self {
        self.work = work;
        self
    }

    /// The time it is granted to stop.
    #[must_use]
    pub fn grace_period(mut self, grace_period: Duration) -> Self {
        self.grace_period = grace_period;
        self
    }

    /// Makes it do something wrong.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Starts the program, which is `env!("CARGO_BIN_EXE_brokers-worker")` in a test.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&self, program: &str) -> Worker {
        static STARTED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let log = self.folder.join(format!("worker-{number}.log"));
        let report = self.folder.join(format!("worker-{number}.json"));
        fs::create_dir_all(&self.folder).expect("a folder");
        let output = File::create(&log).expect("a log");
        let ms = |duration: Duration| duration.as_millis().to_string();
        let child = Command::new(program)
            .env("BROKERS_URL", &self.url)
            .env("BROKERS_LEDGER", &self.folder)
            .env("BROKERS_LEASE_MS", ms(self.lease))
            .env("BROKERS_WORK_MS", ms(self.work))
            .env("BROKERS_FAULT", self.fault.map_or_else(String::new, |fault| format!("{fault:?}")))
            .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", ms(self.grace_period)))
            .env("LIFECYCLE_REPORT", &report)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log"))
            .stderr(output)
            .spawn()
            .expect("the worker");
        let pid = Pid::from_child(&child);
        Worker { child, pid, log, report }
    }
}

/// A worker that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    pid: Pid,
    log: PathBuf,
    report: PathBuf,
}

/// What is left of a worker.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// How long that took since it was waited for.
    pub after: Duration,
    /// What it said.
    pub log: String,
    /// Its report, unless it was killed.
    pub report: Option<Report>,
}

impl Worker {
    /// As the ledger has it.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Sends it SIGTERM, once it hears that.
    pub fn stop(&self) {
        let began = Instant::now();
        while !self.log().contains("running") && began.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(2));
        }
        let _ = kill_process(self.pid, Signal::TERM);
    }

    /// Sends it SIGKILL.
    pub fn kill(&self) {
        let _ = kill_process(self.pid, Signal::KILL);
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it has not after a minute.
    pub fn ended(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "it does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(2));
        };
        let report = fs::read_to_string(&self.report).ok();
        let report = report.map(|text| Report::from_json(&text).expect("a report"));
        Ended { status, after: began.elapsed(), log: self.log(), report }
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Ended {
    /// How many jobs were `what` by its report: `done`, `given back`.
    pub fn jobs(&self, what: &str) -> usize {
        let notes = self.report.iter().flat_map(Report::notes);
        let counts = notes.filter(|note| note.about == format!("consumer {QUEUE}"));
        let counts = counts.flat_map(|note| note.text.split(", "));
        let mut counts = counts.filter_map(|count| count.split_once(' '));
        let count = counts.find(|(_, counted)| *counted == what).map(|(count, _)| count.parse());
        count.map_or(0, |count| count.expect("a number"))
    }

    /// What its report says of jobs.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.report.iter().flat_map(Report::notes).map(ToString::to_string)
    }

    /// Which jobs its log and its report name, by the broker's ids.
    pub fn named(&self) -> HashSet<String> {
        let notes = self.report.iter().flat_map(Report::notes).map(|note| &*note.text);
        let texts = notes.chain(self.log.lines()).flat_map(|text| text.split("job ").skip(1));
        let id = |text: &str| text.split([' ', ',', ':']).next().unwrap_or_default().to_owned();
        texts.map(id).collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
