//! A stop under load, at random moments: admitted work is finished and acknowledged, what was
//! acknowledged is stored and dispatched, and the rest was refused.

use std::{
    env,
    time::{Duration, Instant},
};

use fastrand::Rng;
use rustix::process::Signal;
use serde_json::Value;
use tokio::time;

use crate::{
    audit::{self, Finding},
    clients::{Answer, Load, client},
    postgres,
    service::{Ended, Process, Setup, dir},
};

#[tokio::test]
async fn twenty_stops_on_sqlite_lose_nothing() {
    let mut rng = rng();
    for round in 1..=20 {
        let dir = dir();
        assert_round(round, &Setup::new(&dir, None), &mut rng).await;
    }
}

#[tokio::test]
async fn five_stops_on_postgresql_lose_nothing() {
    let Some(server) = postgres::start().await else { return };
    let mut rng = rng();
    for round in 1..=5 {
        let dir = dir();
        let database = server.create_database(&format!("round_{round}")).await;
        assert_round(round, &Setup::new(&dir, Some(database)), &mut rng).await;
    }
}

/// The numbers that decide when signals come: `ORDERS_TEST_SEED` replays a run.
pub(crate) fn rng() -> Rng {
    let seed = env::var("ORDERS_TEST_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    eprintln!("ORDERS_TEST_SEED={seed}");
    Rng::with_seed(seed)
}

/// A service that was stopped while clients were at work.
pub(crate) struct Stopped {
    /// How many placements the service said were in flight, just before the signal.
    pub(crate) in_flight: u64,
    pub(crate) ended: Ended,
    pub(crate) answers: Vec<Answer>,
}

/// Lets clients loose on a fresh service and stops it after `moment`, once enough is in flight.
pub(crate) async fn stop_under_load(setup: &Setup, moment: Duration) -> Stopped {
    let service = setup.start().await;
    let load = Load::start(&service.url);
    // By then every client is at work, and the first ones have been answered.
    time::sleep(Duration::from_millis(300) + moment).await;
    let in_flight = wait_for_work(&service).await;
    service.signal(Signal::TERM);
    let answers = load.end().await;
    Stopped { in_flight, ended: service.ended().await, answers }
}

/// What is in flight: enough of it, or what there was after a while. On a busy machine clients may
/// all be between two orders.
async fn wait_for_work(service: &Process) -> u64 {
    let client = client();
    let asked = Instant::now();
    loop {
        let asked_for = client.get(format!("{}/health", service.health));
        let status = asked_for.header("accept", "application/json").send().await.unwrap();
        let status: Value = status.json().await.unwrap();
        // Not the requests that these are made in.
        let is_counted = |site: &&Value| {
            ["orders::http::place_order", "dispatch"].iter().any(|name| site["name"] == *name)
        };
        let sites = status["sites"].as_array().unwrap().iter().filter(is_counted);
        let in_flight = sites.map(|site| site["in_flight"].as_u64().unwrap()).sum();
        if in_flight >= audit::IN_FLIGHT || asked.elapsed() > Duration::from_secs(5) {
            return in_flight;
        }
        time::sleep(Duration::from_millis(10)).await;
    }
}

async fn assert_round(round: u32, setup: &Setup, rng: &mut Rng) {
    let moment = Duration::from_millis(rng.u64(0..400));
    let delay = Duration::from_millis(*rng.choice(&[0, 0, 100, 300]).unwrap());
    let stopped = stop_under_load(&Setup { delay, ..setup.clone() }, moment).await;
    let findings = audit::graceful(setup, &stopped).await;
    let acked = audit::acked(&stopped.answers).count();
    eprintln!(
        "round {round}: after {moment:?}, delay {delay:?}: {} in flight, {acked} acknowledged",
        stopped.in_flight
    );
    assert!(acked > 0, "round {round}: nothing was acknowledged");
    assert_eq!(findings, [], "round {round}: the log was\n{}", stopped.ended.log.join("\n"));
}

/// The database would not let it happen, so no control can show that the harness sees it.
#[test]
fn an_order_that_is_dispatched_twice_is_seen_in_the_log() {
    let lines = ["dispatched orders=[1, 2]".to_owned(), "dispatched orders=[2, 3]".to_owned()];
    assert_eq!(audit::dispatched_twice(&lines), [Finding::DispatchedTwice(2)]);
}
