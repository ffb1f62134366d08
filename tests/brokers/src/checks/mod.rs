//! What each broker is held to. A check starts a server of its own, and passes where there is none.

mod audit;
mod controls;
mod queues;
mod stops;
mod unreachable;

use std::{
    env, thread,
    time::{Duration, Instant},
};

pub use self::{
    controls::{ack_before_the_work_is_found, drop_is_found, no_renewal_is_found},
    queues::{
        a_given_back_job_is_with_a_waiting_worker_at_once, a_lost_lease_changes_nothing,
        a_parked_receive_ends_at_a_stop, receive,
        what_was_acknowledged_is_known_to_the_broker_when_the_call_returns,
    },
    stops::{
        a_job_longer_than_its_lease_runs_once, a_stop_asked_for_by_a_job_acknowledges_it,
        kills_lose_nothing, stops_lose_nothing, what_a_stop_gives_back_begins_elsewhere_at_once,
    },
    unreachable::{a_frozen_broker_does_not_hold_a_stop, a_stopped_broker_does_not_hold_a_stop},
};
use crate::Broker;

/// Makes a test of each of these checks of a broker.
#[macro_export]
macro_rules! checks {
    ($broker:ty: $($check:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $check() {
            $crate::attempts::<$broker>(async || {
                $crate::checks::$check::<$broker>(env!("CARGO_BIN_EXE_brokers-worker")).await;
            })
            .await;
        }
    )+};
}

/// A number that the environment may change.
fn number(name: &str, default: usize) -> usize {
    env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

/// Waits until it is so; returns whether it is.
async fn is_so_within(time: Duration, mut is_so: impl AsyncFnMut() -> bool) -> bool {
    let began = Instant::now();
    while !is_so().await {
        if began.elapsed() > time {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

/// Waits until no job is left.
async fn is_empty_within(time: Duration, broker: &impl Broker) -> bool {
    is_so_within(time, async || broker.left().await == 0).await
}

/// Prints the figures of these times, and returns the median and the 95th percentile.
fn figures(what: &str, mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let part = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    let (p50, p95, most) = (part(50), part(95), part(100));
    println!("{what}: {} times, p50 {p50:?}, p95 {p95:?}, at most {most:?}", times.len());
    (p50, p95)
}

/// A moment of up to so long.
fn pause(most: Duration) {
    thread::sleep(most.mul_f64(fastrand::f64()));
}
