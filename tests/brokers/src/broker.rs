use std::{
    env, fs,
    net::TcpListener,
    ops::Range,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use lifecycle::work::Source;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A server that runs, with one queue.
#[expect(async_fn_in_trait, reason = "nothing here is spawned")]
pub trait Broker: Sized {
    /// What it is called.
    const NAME: &str;

    /// Whether what is given back is so without a word to it.
    const GIVES_BACK_UNASKED: bool = false;

    /// How long after a worker came or went each has its share of the jobs.
    const SETTLES: Duration = Duration::ZERO;

    /// With how many jobs its workers are stopped at random; killed, with two of five.
    const JOBS: usize = 5_000;

    /// How long one of them takes at most: so long that workers have more than they can work on.
    const WORK: Duration = Duration::from_millis(50);

    /// How often a check may fail for what the server does on a machine that does much else.
    const FORGIVEN: usize = 0;

    /// The queue, as a worker has it.
    type Queue: Source;

    /// Starts a server with an empty queue; there is none where it is not installed and not demanded,
    /// which is said in one line.
    async fn start() -> Option<Self>;

    /// Where a worker finds it.
    fn url(&self) -> String;

    /// The process.
    fn server(&self) -> &Server;

    /// The queue with leases of this length, on connections of its own.
    async fn queue(&self, lease: Duration) -> Self::Queue;

    /// Puts a job of this kind into the queue for each number, which is its payload.
    async fn enqueue(&self, kind: &str, numbers: Range<usize>);

    /// How many jobs wait, or are with a worker that has not acknowledged them.
    async fn left(&self) -> usize;
}

/// The process of a broker and its folder. Dropped, both are gone.
#[derive(Debug)]
pub struct Server {
    child: Mutex<Child>,
    pid: Pid,
    ends_by: Signal,
    directory: TempDir,
}

impl Server {
    /// Starts one that ends at `ends_by`, without asking its clients.
    ///
    /// # Panics
    /// When there is no such program.
    pub fn start(mut command: Command, ends_by: Signal, directory: TempDir) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let pid = Pid::from_child(&child);
        Self { child: child.into(), pid, ends_by, directory }
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Holds all of its processes, whose connections stay open.
    pub fn freeze(&self) {
        self.signal_all(Signal::STOP);
        // Whoever runs at the moment goes on for a little.
        while !is_stopped(self.pid) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal_all(Signal::CONT);
    }

    /// Ends it for good.
    ///
    /// # Panics
    /// When it does not end within 20 s.
    pub fn stop(&self) {
        self.thaw();
        let _ = kill_process(self.pid, self.ends_by);
        let mut child = self.child.lock().expect("no panic under the lock");
        let began = Instant::now();
        while child.try_wait().expect("a child").is_none() {
            if began.elapsed() > Duration::from_secs(20) {
                let _ = child.kill();
                panic!("{} does not end", self.directory.path().display());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal_all(&self, signal: Signal) {
        let _ = kill_process(self.pid, signal);
        for pid in descendants(self.pid) {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether all threads of the process are.
fn is_stopped(pid: Pid) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()));
    tasks.into_iter().flatten().flatten().all(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('T'))
    })
}

/// A group would not do: PostgreSQL makes one of each of its processes.
fn descendants(of: Pid) -> Vec<Pid> {
    let pid = of.as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
    children.flat_map(|child| [vec![child], descendants(child)].concat()).collect()
}

/// Does a check until it holds, as often as this broker is forgiven.
pub async fn attempts<B: Broker>(check: impl AsyncFn()) {
    for attempt in 1..=B::FORGIVEN {
        if AssertUnwindSafe(check()).catch_unwind().await.is_ok() {
            return;
        }
        eprintln!("{}: attempt {attempt} has failed", B::NAME);
    }
    check().await;
}

/// Whether what is missing on this machine fails a test instead of being passed over.
pub fn all_is_demanded() -> bool {
    env::var("LIFECYCLE_E2E").is_ok_and(|value| value == "all")
}

/// Where the program is, in one of these folders or on the `PATH`. Where it is not: panics where all
/// is demanded, and else says so.
pub(crate) fn installed(
    program: &str,
    folders: impl IntoIterator<Item = PathBuf>,
) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = folders.into_iter().chain(env::split_paths(&path));
    let found = folders.map(|folder| folder.join(program)).find(|program| program.is_file());
    if found.is_none() {
        let line = format!("passed over: {program} is not installed");
        assert!(!all_is_demanded(), "{line}");
        eprintln!("{line}");
    }
    found
}

/// A port that nobody listens at, and that no connection is given before a server listens there.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(10_000..32_000)).take(1_000);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port")
}

/// Does it until it works.
///
/// # Panics
/// When it does not for 30 s.
pub(crate) async fn until_it_works<T, E: std::fmt::Display>(
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let began = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) if began.elapsed() > Duration::from_secs(30) => panic!("{what}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
