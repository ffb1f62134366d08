//! A round: work that was taken from a source, and is done in several steps.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
};

use lifecycle::{Refused, Site, tracked};
use lifecycle_truth_tests::{say, sleep};

/// A site for what is fetched.
pub(crate) static JOBS: Site = Site::new("jobs");

#[derive(Debug)]
pub(crate) struct Job(u64);

/// How long each of the two steps of a round takes, in milliseconds.
fn step() -> u64 {
    std::env::args().nth(2).and_then(|millis| millis.parse().ok()).unwrap_or(10)
}

fn begin() -> Job {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    let job = Job(TAKEN.fetch_add(1, Ordering::Relaxed) + 1);
    say(format!("began {}", job.0));
    job
}

/// The next piece of work: it is this program's to do from here.
pub(crate) async fn next() -> Job {
    sleep(3).await;
    begin()
}

/// A queue that never ends.
pub(crate) struct Queue;

impl Queue {
    pub(crate) async fn recv(&mut self) -> Option<Job> {
        Some(next().await)
    }
}

/// Rows that do not end.
pub(crate) fn rows() -> impl Iterator<Item = Job> {
    std::iter::repeat_with(begin)
}

/// Accepts a client every few milliseconds.
pub(crate) struct Listener;

impl Listener {
    pub(crate) async fn accept(&self) -> io::Result<((), ())> {
        sleep(3).await;
        Ok(((), ()))
    }
}

/// A request: what is turned away is answered too.
#[tracked(refused = Ok(()))]
pub(crate) async fn answer(_client: ()) -> io::Result<()> {
    clean_up().await;
    Ok(())
}

pub(crate) async fn process<J>(_: J) {
    sleep(step()).await;
    sleep(step()).await;
    say("ended");
}

pub(crate) async fn clean_up() {
    process(begin()).await;
}

#[tracked]
pub(crate) async fn work(job: u64) -> Result<u64, Refused> {
    clean_up().await;
    Ok(job)
}

/// The first step of a round: tracked.
#[tracked]
pub(crate) async fn book(job: &Job) -> Result<u64, Refused> {
    sleep(step()).await;
    Ok(job.0)
}

/// The last step of a round.
pub(crate) async fn acknowledge(_: u64) {
    sleep(step()).await;
    say("ended");
}
