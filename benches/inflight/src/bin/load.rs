//! What cannot be said as the cost of one call.
//!
//! - `load drain 10000`: so many drains, each in a process of its own: from the last leave to the
//!   first hook, beside `TaskTracker::wait`.
//! - `load million 1000000`: so many calls in flight: what they take, and how long a drain does.
//! - `load threads 10000`: so many threads that lived and died, one after the other.

use std::{
    env, fs,
    hint::black_box,
    pin::Pin,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use lifecycle::{Config, on_shutdown, tracked};
use lifecycle_bench_inflight::by_lifecycle;
use tokio_util::task::TaskTracker;

static START: Mutex<Option<Instant>> = Mutex::new(None);
static HOOK_AT: AtomicU64 = AtomicU64::new(0);

/// Nanoseconds since the process began.
fn now() -> u64 {
    let start = *START.lock().unwrap().get_or_insert_with(Instant::now);
    start.elapsed().as_nanos() as u64
}

#[on_shutdown]
async fn first_hook() {
    HOOK_AT.store(now(), Ordering::SeqCst);
}

fn main() {
    let mut arguments = env::args().skip(1);
    let what = arguments.next().expect("what to load");
    let count: usize = arguments.next().map_or(0, |count| count.parse().expect("a number"));
    now();
    match &*what {
        "drain" => drains(count),
        "one-drain" => one_drain(),
        "million" => million(count),
        "threads" => threads(count),
        _ => panic!("there is `drain`, `million` and `threads`"),
    }
}

fn drains(count: usize) {
    let this = env::current_exe().unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let output = Command::new(&this).arg("one-drain").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().unwrap());
        ours.push(numbers.next().expect("ours"));
        theirs.push(numbers.next().expect("theirs"));
    }
    println!("| {count} drains, last leave to | p50 | p99 |\n|---|---|---|");
    for (name, times) in [("first hook of lifecycle", ours), ("`TaskTracker::wait`", theirs)] {
        let mut times = times;
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100] as f64 / 1e3;
        println!("| {name} | {:.1} us | {:.1} us |", at(50), at(99));
    }
}

#[tracked(refused = 0)]
fn held(until: &mpsc::Receiver<()>) -> u64 {
    let _ = until.recv();
    now()
}

fn one_drain() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (tell, told) = mpsc::channel();
    let holder = thread::spawn(move || held(&told));
    while lifecycle::status().sites().is_empty() {
        thread::yield_now();
    }
    let release = thread::spawn(move || {
        while lifecycle::state() < lifecycle::State::Draining {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(5));
        drop(tell);
    });
    let _report = runtime.block_on(Config::new().run(async {
        let draining = lifecycle::draining();
        lifecycle::shutdown("measured");
        draining.await;
    }));
    release.join().unwrap();
    let ours = HOOK_AT.load(Ordering::SeqCst) - holder.join().unwrap();

    let tracker = TaskTracker::new();
    let token = tracker.token();
    let (tell, told) = mpsc::channel::<()>();
    let holder = thread::spawn(move || {
        let _ = told.recv();
        let at = now();
        drop(token);
        at
    });
    tracker.close();
    let theirs = runtime.block_on(async {
        let waiter = tokio::spawn(async move {
            tracker.wait().await;
            now()
        });
        thread::sleep(Duration::from_millis(5));
        drop(tell);
        waiter.await.unwrap()
    });
    println!("{ours} {}", theirs - holder.join().unwrap());
}

#[tracked(refused = ())]
async fn suspended() {
    Until(false).await;
}

async fn plain() {
    Until(false).await;
}

/// Pending once.
struct Until(bool);

impl Future for Until {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn million(count: usize) {
    let mut cx = Context::from_waker(Waker::noop());
    let bare = resident();
    let mut plain: Vec<_> = (0..count).map(|_| Box::pin(plain())).collect();
    plain.iter_mut().for_each(|call| assert!(call.as_mut().poll(&mut cx).is_pending()));
    let uncounted = resident() - bare;
    let bare = resident();
    let mut calls: Vec<_> = (0..count).map(|_| Box::pin(suspended())).collect();
    let start = Instant::now();
    calls.iter_mut().for_each(|call| assert!(call.as_mut().poll(&mut cx).is_pending()));
    let admitted = start.elapsed();
    let counted = resident() - bare;
    println!("{count} calls: {} bytes each, of which {} uncounted", counted / count, uncounted / count);
    println!("suspending: {:.0} ns each", admitted.as_nanos() as f64 / count as f64);
    let start = Instant::now();
    let status = lifecycle::status();
    println!("status of {}: {:.1?}", status.sites()[0].in_flight(), start.elapsed());
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let (begin, begun) = mpsc::channel();
    let stop = thread::spawn(move || {
        let config =
            Config::new().grace_period(Duration::from_secs(900)).drain_timeout(Duration::from_secs(800));
        runtime.block_on(config.run(async move {
            let draining = lifecycle::draining();
            begin.send(Instant::now()).unwrap();
            lifecycle::shutdown("measured");
            draining.await;
            begin.send(Instant::now()).unwrap();
        }))
    });
    let (asked, closed) = (begun.recv().unwrap(), begun.recv().unwrap());
    let closing = closed - asked;
    println!("closing: {closing:.1?}, {:.0} ns each", closing.as_nanos() as f64 / count as f64);
    let before = resident();
    let start = Instant::now();
    calls.iter_mut().for_each(|call| assert!(call.as_mut().poll(&mut cx).is_ready()));
    let ended = start.elapsed();
    let report = stop.join().unwrap();
    println!(
        "ending: {:.0} ns each; {} bytes each while draining",
        ended.as_nanos() as f64 / count as f64,
        before.saturating_sub(bare) / count
    );
    assert!(report.is_clean());
}

fn threads(count: usize) {
    let begin = resident();
    for number in 0..count {
        thread::spawn(|| black_box(by_lifecycle(1))).join().unwrap();
        if number == count / 10 || number + 1 == count {
            println!(
                "{}: {} kB more than at the begin",
                number + 1,
                (resident().saturating_sub(begin)) / 1024
            );
        }
    }
}

/// Bytes of memory that the process has.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}
