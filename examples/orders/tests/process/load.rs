//! A stop under load, at random moments: admitted work is finished and acknowledged, what was acknowledged is
//! stored and dispatched, and the rest was refused.

use std::{env, time::Duration};

use fastrand::Rng;
use rustix::process::Signal;
use tokio::time;

use crate::{
    audit::{self, Finding},
    clients::{Answer, Load},
    postgres,
    service::{Ended, Setup, dir},
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
    let seed = env::var("ORDERS_TEST_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    eprintln!("ORDERS_TEST_SEED={seed}");
    Rng::with_seed(seed)
}

/// Lets clients loose on a fresh service and stops it after `moment`.
pub(crate) async fn stop_under_load(setup: &Setup, moment: Duration) -> (Ended, Vec<Answer>) {
    let service = setup.start().await;
    let load = Load::start(&service.url);
    // By then every client is at work, and the first ones have been answered.
    time::sleep(Duration::from_millis(300) + moment).await;
    service.signal(Signal::TERM);
    let answers = load.end().await;
    (service.ended().await, answers)
}

async fn assert_round(round: u32, setup: &Setup, rng: &mut Rng) {
    let moment = Duration::from_millis(rng.u64(0..400));
    let delay = Duration::from_millis(*rng.choice(&[0, 0, 100, 300]).unwrap());
    let (ended, answers) = stop_under_load(&Setup { delay, ..setup.clone() }, moment).await;
    let findings = audit::graceful(setup, &ended, &answers).await;
    let acked = audit::acked(&answers).count();
    eprintln!("round {round}: stopped after {moment:?}, delay {delay:?}: {acked} acknowledged");
    assert!(acked > 0, "round {round}: nothing was acknowledged");
    assert_eq!(findings, [], "round {round}: the log was\n{}", ended.log.join("\n"));
}

/// The database would not let it happen, so no control can show that the harness sees it.
#[test]
fn an_order_that_is_dispatched_twice_is_seen_in_the_log() {
    let lines = ["dispatched orders=[1, 2]".to_owned(), "dispatched orders=[2, 3]".to_owned()];
    assert_eq!(audit::dispatched_twice(&lines), [Finding::DispatchedTwice(2)]);
}
