//! What a counted call costs beside one that is not: `cargo bench` in this folder.
//!
//! Prints a table when it is done. "Added" is what is above the same work uncounted.

use std::{
    fs,
    hint::black_box,
    sync::{Barrier, mpsc},
    task::{Context, Waker},
    thread,
    time::{Duration, Instant},
};

use axum::{Router, body::Body, http::Request, routing::get};
use criterion::{Criterion, measurement::WallTime};
use lifecycle_bench_inflight::*;
use tower::ServiceExt;

type Group<'c> = criterion::BenchmarkGroup<'c, WallTime>;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(30)
        .configure_from_args();
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("sync, {threads}"));
        sync(&mut group, threads);
        group.finish();
    }
    let mut group = criterion.benchmark_group("nested 3, 1");
    add(&mut group, "nothing", 1, || nested_plain(1));
    add(&mut group, "lifecycle", 1, || nested_by_lifecycle(1));
    add(&mut group, "TaskTracker", 1, || nested_by_token(1));
    group.finish();
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("async, {threads}"));
        asynchronous(&mut group, threads);
        group.finish();
    }
    let mut group = criterion.benchmark_group("suspended once, 1");
    suspended(&mut group);
    group.finish();
    let mut group = criterion.benchmark_group("suspended once in tokio, 1");
    suspended_in_tokio(&mut group);
    group.finish();
    let mut group = criterion.benchmark_group("axum handler, 1");
    handler(&mut group);
    group.finish();
    let (closed, done) = close();
    let mut group = criterion.benchmark_group("refused, 1");
    closed.recv().unwrap();
    add(&mut group, "lifecycle", 1, || by_lifecycle(1));
    group.finish();
    done.send(()).unwrap();
    table();
}

fn sync(group: &mut Group<'_>, threads: u64) {
    add(group, "nothing", threads, || plain(1));
    add(group, "lifecycle", threads, || by_lifecycle(1));
    add(group, "TaskTracker", threads, || by_token(1));
    add(group, "tokio-graceful", threads, || by_graceful(1));
    add(group, "swansong", threads, || by_swansong(1));
    add(group, "AtomicUsize", threads, || by_counter(1));
    add(group, "Arc", threads, || by_arc(1));
}

fn asynchronous(group: &mut Group<'_>, threads: u64) {
    add(group, "nothing", threads, || polled(async_plain(1)));
    add(group, "lifecycle", threads, || polled(async_by_lifecycle(1)));
    add(group, "TaskTracker", threads, || polled(PEERS.tracker.track_future(async_plain(1))));
    add(group, "tokio-graceful", threads, || polled(with(PEERS.graceful.clone(), async_plain(1))));
    add(group, "swansong", threads, || polled(with(PEERS.swansong.guard(), async_plain(1))));
}

fn suspended(group: &mut Group<'_>) {
    add(group, "nothing", 1, || polled(once_plain(1)));
    add(group, "lifecycle", 1, || polled(once_by_lifecycle(1)));
    add(group, "TaskTracker", 1, || polled(PEERS.tracker.track_future(once_plain(1))));
    add(group, "tokio-graceful", 1, || polled(with(PEERS.graceful.clone(), once_plain(1))));
    add(group, "swansong", 1, || polled(with(PEERS.swansong.guard(), once_plain(1))));
}

/// As most calls are suspended: the runtime polls something else and comes back.
fn suspended_in_tokio(group: &mut Group<'_>) {
    #[lifecycle::tracked(refused = ())]
    async fn tracked() {
        tokio::task::yield_now().await;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut bench = |name, work: &dyn Fn(u64) -> Duration| {
        group.bench_function(name, |bencher| bencher.iter_custom(work));
    };
    bench("nothing", &|rounds| runtime.block_on(timed(rounds, tokio::task::yield_now)));
    bench("lifecycle", &|rounds| runtime.block_on(timed(rounds, tracked)));
    bench("TaskTracker", &|rounds| {
        let work = || PEERS.tracker.track_future(tokio::task::yield_now());
        runtime.block_on(timed(rounds, work))
    });
}

async fn timed<F: Future>(rounds: u64, work: impl Fn() -> F) -> Duration {
    let start = Instant::now();
    for _ in 0..rounds {
        black_box(work().await);
    }
    start.elapsed()
}

fn handler(group: &mut Group<'_>) {
    #[lifecycle::tracked(refused = "refused")]
    async fn tracked() -> &'static str {
        "hello"
    }
    async fn plain() -> &'static str {
        "hello"
    }
    async fn token() -> &'static str {
        let _token = PEERS.tracker.token();
        "hello"
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let routers = [("nothing", get(plain)), ("lifecycle", get(tracked)), ("TaskTracker", get(token))];
    for (name, route) in routers {
        let router: Router = Router::new().route("/", route);
        let call = || {
            let request = Request::get("/").body(Body::empty()).unwrap();
            router.clone().oneshot(request)
        };
        let measure = |rounds| runtime.block_on(timed(rounds, call));
        group.bench_function(name, |bencher| bencher.iter_custom(measure));
    }
}

/// Polls until it is ready, as often as it takes, and nothing else.
#[inline(always)]
fn polled(future: impl Future<Output = u64>) -> u64 {
    let mut future = std::pin::pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

/// `work` on so many threads at once: the time of one call on one of them.
fn add(group: &mut Group<'_>, name: &str, threads: u64, work: impl Fn() -> u64 + Sync) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|rounds| {
            let run = || {
                let start = Instant::now();
                for _ in 0..rounds {
                    black_box(work());
                }
                start.elapsed()
            };
            if threads == 1 {
                return run();
            }
            let begin = Barrier::new(threads as usize);
            thread::scope(|scope| {
                let run = || {
                    begin.wait();
                    run()
                };
                let runs: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
                let times = runs.into_iter().map(|run| run.join().unwrap());
                times.sum::<Duration>() / threads as u32
            })
        });
    });
}

/// The service drains until it is told that this will do.
fn close() -> (mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (closed, is_closed) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let config = lifecycle::Config::new()
            .grace_period(Duration::from_secs(3600))
            .drain_timeout(Duration::from_secs(3000));
        let _report = runtime.block_on(config.run(async move {
            let draining = lifecycle::draining();
            lifecycle::shutdown("to be refused");
            draining.await;
            closed.send(()).unwrap();
            tokio::task::spawn_blocking(move || is_done.recv()).await.unwrap().unwrap();
        }));
    });
    (is_closed, done)
}

/// What criterion has measured, as Markdown.
fn table() {
    const GROUPS: [&str; 9] = [
        "sync, 1",
        "sync, 2",
        "nested 3, 1",
        "async, 1",
        "async, 2",
        "suspended once, 1",
        "suspended once in tokio, 1",
        "axum handler, 1",
        "refused, 1",
    ];
    println!(
        "\n| nanoseconds a call (what is added) | nothing | lifecycle | TaskTracker | tokio-graceful | swansong | AtomicUsize | Arc |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for group in GROUPS {
        let nothing = mean(group, "nothing");
        let cells = ["lifecycle", "TaskTracker", "tokio-graceful", "swansong", "AtomicUsize", "Arc"];
        let cells = cells.map(|name| match (mean(group, name), nothing) {
            (Some(mean), Some(nothing)) => format!("{mean:.1} (+{:.1})", mean - nothing),
            (Some(mean), None) => format!("{mean:.1}"),
            (None, _) => String::new(),
        });
        let nothing = nothing.map_or_else(String::new, |mean| format!("{mean:.1}"));
        println!("| {group} | {nothing} | {} |", cells.join(" | "));
    }
}

fn mean(group: &str, name: &str) -> Option<f64> {
    let folder = group.replace(' ', "_");
    let folders = [group.to_owned(), folder];
    let read = |folder: &String| {
        let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
        fs::read_to_string(format!("{target}/criterion/{folder}/{name}/new/estimates.json")).ok()
    };
    let text = folders.iter().find_map(read)?;
    let estimates: serde_json::Value = serde_json::from_str(&text).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
