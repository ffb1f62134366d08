//! The services that are asked and stopped; the first argument says what it does, `ADMIN` where its
//! socket is.

use std::{
    env,
    fs::File,
    io::Write,
    path::PathBuf,
    process::{self, ExitCode, Termination},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use lifecycle::{Config, Report, Site, State};
use lifecycle_admin_tests::Client;

static ORDERS: Site = Site::new("orders");

fn main() -> ExitCode {
    let what = env::args().nth(1);
    match what.as_deref() {
        Some("plain") => run(Config::new(), plain()),
        Some("works") => run(Config::new(), works()),
        Some("fails") => run(Config::new(), fails()),
        Some("blocked") => run(Config::new().grace_period(Duration::from_millis(1_500)), blocked()),
        Some("keeps") => run_plain(keeps()),
        Some("acknowledges-early") => run_plain(acknowledges_early()),
        Some("ends-half-way") => run_plain(ends_half_way()),
        Some("connect") => connect(),
        _ => panic!("what is {what:?}?"),
    }
}

/// Without a socket.
fn run_plain(main: impl Future<Output = ()>) -> ExitCode {
    run_with(Config::new(), main)
}

fn run(config: Config, main: impl Future<Output = ()>) -> ExitCode {
    run_with(config.admin(socket()), main)
}

fn run_with(config: Config, main: impl Future<Output = ()>) -> ExitCode {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime");
    let report: Report = runtime.block_on(config.run(main));
    report.report()
}

fn socket() -> PathBuf {
    env::var_os("ADMIN").expect("a path").into()
}

/// Says so once it is ready.
fn up() {
    lifecycle::ready();
    while lifecycle::status().state() < State::Running {
        thread::sleep(Duration::from_millis(1));
    }
    println!("up");
}

async fn plain() {
    up();
    lifecycle::draining().await;
}

/// A call in flight for a while after the request, and a hook that takes a while.
async fn works() {
    lifecycle::hook("flush")
        .timeout(Duration::from_secs(2))
        .register(|| tokio::time::sleep(Duration::from_millis(150)))
        .expect("a plan");
    let call = ORDERS.admit().expect("admitted");
    tokio::spawn(call.scope(async {
        lifecycle::draining().await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }));
    up();
    lifecycle::draining().await;
}

async fn fails() {
    lifecycle::hook("flush")
        .register(|| async { Err::<(), _>("the disk is full") })
        .expect("a plan");
    up();
    lifecycle::draining().await;
}

/// Its destructor never ends.
struct Hangs;

impl Drop for Hangs {
    fn drop(&mut self) {
        thread::sleep(Duration::from_secs(3_600));
    }
}

/// Every worker of the runtime, the thread of main, and the end.
async fn blocked() {
    lifecycle::provide(Hangs);
    for _ in 0..2 {
        tokio::spawn(async {
            thread::sleep(Duration::from_secs(3_600));
        });
    }
    // Both have begun.
    thread::sleep(Duration::from_millis(50));
    up();
    thread::sleep(Duration::from_secs(3_600));
}

/// Work that takes 10 ms, and a word about each piece of it: `stored`, and `acked`.
async fn work(keep: &str, tell: &str) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    note(keep, number);
    tokio::time::sleep(Duration::from_millis(10)).await;
    note(tell, number);
}

fn note(file: &str, number: u64) {
    let path = PathBuf::from(env::var_os("STORE").expect("a folder")).join(file);
    let mut file = File::options().append(true).create(true).open(path).expect("a file");
    writeln!(file, "{}-{number}", process::id()).expect("room");
}

/// Acknowledges what is stored, in calls that are finished.
async fn keeps() {
    while let Some(()) = lifecycle::until_draining(std::future::ready(())).await {
        let Ok(call) = ORDERS.admit() else { return };
        call.scope(work("stored", "acked")).await;
    }
}

/// Stores what it has acknowledged already, in calls that nobody counts.
async fn acknowledges_early() {
    lifecycle::ready();
    loop {
        work("acked", "stored").await;
    }
}

/// Somebody ends the process while a hook runs.
async fn ends_half_way() {
    lifecycle::hook("flush")
        .register(|| tokio::time::sleep(Duration::from_millis(500)))
        .expect("a plan");
    tokio::spawn(async {
        lifecycle::draining().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        process::exit(0);
    });
    up();
    lifecycle::draining().await;
}

/// As another user: what a client is told.
fn connect() -> ExitCode {
    let asked = Client::connect(&socket()).and_then(|mut client| {
        // Whoever is refused may be so before it has asked.
        let _ = client.send(r#"{"request":"shutdown"}"#);
        client.next_line()
    });
    match asked {
        Ok(answer) => println!("answer {}", answer.unwrap_or_default()),
        Err(error) => println!("error {:?}", error.kind()),
    }
    ExitCode::SUCCESS
}
