//! The same work, counted in the ways that there are.

use std::{
    hint::black_box,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use lifecycle::tracked;
use swansong::Swansong;
use tokio_graceful::ShutdownGuard;
use tokio_util::task::TaskTracker;

/// What the peers count with.
pub struct Peers {
    pub tracker: TaskTracker,
    pub graceful: ShutdownGuard,
    pub swansong: Swansong,
    pub counter: AtomicUsize,
    pub arc: Arc<()>,
}

pub static PEERS: LazyLock<Peers> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let shutdown = runtime.block_on(async { tokio_graceful::Shutdown::new(std::future::pending::<()>()) });
    let graceful = shutdown.guard();
    std::mem::forget((shutdown, runtime));
    Peers {
        tracker: TaskTracker::new(),
        graceful,
        swansong: Swansong::new(),
        counter: AtomicUsize::new(0),
        arc: Arc::new(()),
    }
});

#[inline(never)]
pub fn plain(x: u64) -> u64 {
    black_box(x) + 1
}

#[inline(never)]
#[tracked(refused = 0)]
pub fn by_lifecycle(x: u64) -> u64 {
    black_box(x) + 1
}

#[inline(never)]
pub fn by_token(x: u64) -> u64 {
    let _token = PEERS.tracker.token();
    black_box(x) + 1
}

#[inline(never)]
pub fn by_graceful(x: u64) -> u64 {
    let _guard = PEERS.graceful.clone();
    black_box(x) + 1
}

#[inline(never)]
pub fn by_swansong(x: u64) -> u64 {
    let _guard = PEERS.swansong.guard();
    black_box(x) + 1
}

#[inline(never)]
pub fn by_counter(x: u64) -> u64 {
    PEERS.counter.fetch_add(1, Ordering::Relaxed);
    let y = black_box(x) + 1;
    PEERS.counter.fetch_sub(1, Ordering::Release);
    y
}

#[inline(never)]
pub fn by_arc(x: u64) -> u64 {
    let _count = Arc::clone(&PEERS.arc);
    black_box(x) + 1
}

#[inline(never)]
pub fn nested_plain(x: u64) -> u64 {
    black_box(middle_plain(x)) + 1
}

#[inline(never)]
fn middle_plain(x: u64) -> u64 {
    black_box(plain(x)) + 1
}

#[inline(never)]
#[tracked(refused = 0)]
pub fn nested_by_lifecycle(x: u64) -> u64 {
    black_box(middle_by_lifecycle(x)) + 1
}

#[inline(never)]
#[tracked(refused = 0)]
fn middle_by_lifecycle(x: u64) -> u64 {
    black_box(by_lifecycle(x)) + 1
}

#[inline(never)]
pub fn nested_by_token(x: u64) -> u64 {
    let _token = PEERS.tracker.token();
    black_box(middle_by_token(x)) + 1
}

#[inline(never)]
fn middle_by_token(x: u64) -> u64 {
    let _token = PEERS.tracker.token();
    black_box(by_token(x)) + 1
}

pub async fn async_plain(x: u64) -> u64 {
    black_box(x) + 1
}

#[tracked(refused = 0)]
pub async fn async_by_lifecycle(x: u64) -> u64 {
    black_box(x) + 1
}

pub async fn once_plain(x: u64) -> u64 {
    Once(false).await;
    black_box(x) + 1
}

#[tracked(refused = 0)]
pub async fn once_by_lifecycle(x: u64) -> u64 {
    Once(false).await;
    black_box(x) + 1
}

/// A future with a guard of `swansong` or of the like, as one would write it.
pub async fn with<G>(guard: G, work: impl Future<Output = u64>) -> u64 {
    let _guard = guard;
    work.await
}

/// Pending once, without waking anybody: the bench polls again.
struct Once(bool);

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}
