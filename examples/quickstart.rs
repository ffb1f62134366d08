//! A service in one file: a worker that takes jobs, two hooks, one plan.
//!
//! `cargo run --example quickstart`, then Ctrl-C: jobs that were taken are finished, the hooks run
//! in the order that follows from what they borrow and take, and a timeline shows where the time
//! went.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use lifecycle::{Refused, on_shutdown, tracked};

/// What a pool of connections would be.
struct Store {
    written: AtomicU64,
}

/// Work that must not be cut: finished, or named as abandoned, before any hook runs.
#[tracked]
async fn work(job: u64) -> Result<u64, Refused> {
    tokio::time::sleep(Duration::from_millis(700)).await;
    if let Some(store) = lifecycle::resource::<Store>() {
        store.written.fetch_add(1, Ordering::Relaxed);
    }
    Ok(job)
}

/// Borrows the store, so it runs before whoever takes it.
#[on_shutdown(timeout = "2s")]
async fn flush(store: &Store) {
    tokio::time::sleep(Duration::from_millis(300)).await;
    println!("flush: {} jobs written", store.written.load(Ordering::Relaxed));
}

/// Takes the store: nobody uses it any more.
#[on_shutdown(timeout = "1s")]
fn close(store: Store) {
    println!("close: {} jobs in all", store.written.into_inner());
}

#[lifecycle::main]
async fn main() {
    lifecycle::provide(Store { written: AtomicU64::new(0) });
    println!("working; press Ctrl-C");
    let mut job = 0;
    while lifecycle::until_draining(tokio::time::sleep(Duration::from_millis(200))).await.is_some()
    {
        job += 1;
        lifecycle::spawn(async move {
            match work(job).await {
                Ok(job) => println!("job {job} done"),
                Err(refused) => println!("job {job}: {refused}"),
            }
        });
    }
}
