//! How the service stops, and what it does when something goes wrong meanwhile. Minutes of it take
//! no time.
//!
//! Two ways to write such a test: let hooks do their own work, here on a real SQLite, or let them
//! play a part. What waits for the database says so (`hold_clock`, `outside`), as the clock is
//! paused and would not.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lifecycle::{
    Config, Outcome, Platform, Reason, Report, Signal, Site,
    testing::{Scenario, hold_clock},
};
use orders::{
    hooks::{close_pool, flush_outbox, flush_telemetry},
    store::{self, NewOrder},
    telemetry::Telemetry,
};
use sqlx::{AnyPool, any::AnyPoolOptions};

const SECOND: Duration = Duration::from_secs(1);

static IMPORT: Site = Site::new("import");

async fn database() -> AnyPool {
    let _held = hold_clock();
    sqlx::any::install_default_drivers();
    let pool = AnyPoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    sqlx::migrate!("migrations/sqlite").run(&pool).await.unwrap();
    pool
}

fn service(pool: &AnyPool) -> Scenario {
    Scenario::new()
        .outside::<(flush_outbox, close_pool)>()
        .provide(pool.clone())
        .provide(Arc::new(Telemetry::default()))
}

/// Nobody's own work is done; for tests in which every hook plays a part or takes no time.
fn played() -> Scenario {
    Scenario::new()
        .replace::<flush_outbox>(|| tokio::time::sleep(SECOND))
        .replace::<close_pool>(|| async {})
        .replace::<flush_telemetry>(|| async {})
}

#[lifecycle::test]
async fn what_was_placed_is_dispatched_before_the_pool_is_closed() {
    let pool = database().await;
    let held = hold_clock();
    let order = NewOrder { sku: "tea".to_owned(), quantity: 2 };
    let id = store::insert(&pool, &order).await.unwrap();
    drop(held);

    let report = service(&pool).replace::<close_pool>(|| async {}).shutdown("deploy").await;
    assert!(report.is_clean(), "{report}");
    let _held = hold_clock();
    assert!(store::find(&pool, id).await.unwrap().unwrap().dispatched);

    let report = service(&pool).shutdown("deploy").await;
    assert!(report.is_clean() && pool.is_closed(), "{report}");
}

#[lifecycle::test]
async fn a_flush_that_hangs_does_not_keep_the_pool_open() {
    let pool = database().await;
    let report = service(&pool).hang::<flush_outbox>().signal_at(SECOND, Signal::Term).run().await;
    assert_eq!(report.outcome::<flush_outbox>(), Some(&Outcome::TimedOut));
    assert_eq!(report.outcome::<close_pool>(), Some(&Outcome::Completed));
    assert!(pool.is_closed());
    assert_eq!((report.exit_code(), report.total().as_secs()), (70, 2), "{report}");
}

/// The error is that of the database, and the report tells it.
#[lifecycle::test]
async fn a_flush_that_fails_is_told_and_the_others_run() {
    let pool = database().await;
    pool.close().await;
    let report = service(&pool).shutdown("deploy").await;
    let outcome = report.outcome::<flush_outbox>();
    assert!(
        matches!(outcome, Some(Outcome::Failed(why)) if why.contains("closed pool")),
        "{report}"
    );
    assert_eq!(report.outcome::<flush_telemetry>(), Some(&Outcome::Completed));
    assert_eq!(report.exit_code(), 70);

    let report = played().fail::<flush_outbox>("disk full").shutdown("deploy").await;
    assert_eq!(report.outcome::<flush_outbox>(), Some(&Outcome::Failed("disk full".to_owned())));
}

#[lifecycle::test]
async fn a_panic_is_that_hooks_own() {
    let report = played().panic::<close_pool>().shutdown("deploy").await;
    assert!(matches!(report.outcome::<close_pool>(), Some(Outcome::Panicked(_))), "{report}");
    assert_eq!(report.outcome::<flush_telemetry>(), Some(&Outcome::Completed));
}

/// It cannot be cancelled, so it is left behind after its second, and a tenth more for going.
#[lifecycle::test]
async fn a_hook_that_blocks_its_thread_is_left_behind() {
    let report = played().block::<close_pool>(60 * SECOND).shutdown("deploy").await;
    assert_eq!(report.outcome::<close_pool>(), Some(&Outcome::Stuck));
    assert_eq!(report.outcome::<flush_telemetry>(), Some(&Outcome::Completed));
    assert_eq!(report.total().as_millis() / 100, 21, "{report}");
}

#[lifecycle::test]
async fn a_pool_that_was_never_provided_is_named() {
    let telemetry = || Arc::new(Telemetry::default());
    let report = Scenario::new().provide(telemetry()).shutdown("deploy").await;
    let outcome = report.outcome::<flush_outbox>();
    assert!(
        matches!(outcome, Some(Outcome::Skipped(why)) if why.contains("was never provided")),
        "{report}"
    );
    assert_eq!(report.exit_code(), 70);

    // Where start-up had not come so far, that is as it should be.
    let report = Scenario::new().provide(telemetry()).starting().shutdown("deploy").await;
    assert_eq!(report.exit_code(), 0, "{report}");
}

#[lifecycle::test]
async fn a_second_signal_hurries_and_a_third_exits() {
    let impatient = |signals: &[u64]| {
        let busy =
            played().call_at(Duration::ZERO, &IMPORT, 60 * SECOND).signal_at(SECOND, Signal::Int);
        signals.iter().fold(busy, |busy, at| busy.signal_at(*at as u32 * SECOND, Signal::Int))
    };
    let patient = impatient(&[]).run().await;
    assert!(patient.drain().took() > 20 * SECOND, "{patient}");

    let hurried = impatient(&[4]).run().await;
    assert_eq!(hurried.drain().took().as_secs(), 3, "{hurried}");
    assert_eq!(hurried.outcome::<close_pool>(), Some(&Outcome::Completed));

    let exited = impatient(&[4, 5]).hang::<flush_outbox>().run().await;
    assert_eq!(exited.outcome::<close_pool>(), Some(&Outcome::NotStarted), "{exited}");
    assert_eq!(exited.exit_code(), 130);
}

#[lifecycle::test]
async fn a_call_in_flight_is_finished() {
    let report = played()
        .config(Config::new().platform(Platform::Kubernetes))
        .call_at(5 * SECOND, &IMPORT, 12 * SECOND)
        .signal_at(2 * SECOND, Signal::Term)
        .call_at(8 * SECOND, &IMPORT, SECOND)
        .run()
        .await;
    let site = &report.drain().sites()[0];
    assert_eq!((site.name(), site.finished(), site.refused()), ("import", 1, 1), "{report}");
    assert_eq!(
        (report.drain().delay().as_secs(), report.drain().took().as_secs()),
        (5, 10),
        "{report}"
    );
    assert!(report.is_clean());
}

#[lifecycle::test]
async fn a_call_that_takes_too_long_is_abandoned_by_name() {
    let report = played()
        .config(Config::new().drain_timeout(10 * SECOND))
        .call_at(Duration::ZERO, &IMPORT, 60 * SECOND)
        .signal_at(SECOND, Signal::Term)
        .run()
        .await;
    assert_eq!((report.drain().abandoned(), report.exit_code()), (1, 70));
    assert!(report.problems()[0].contains("of `import`"), "{report}");
    assert_eq!(report.outcome::<flush_outbox>(), Some(&Outcome::Completed));
}

/// Also under tokio's own attribute.
#[tokio::test(start_paused = true)]
async fn a_main_that_fails_stops_the_service_and_is_the_exit_code() {
    let main = async {
        lifecycle::ready();
        tokio::time::sleep(SECOND).await;
        Err::<(), _>("the listener is gone")
    };
    let report = played().main(main).run().await;
    assert_eq!(report.reason(), &Reason::MainFailed("the listener is gone".to_owned()));
    assert_eq!(report.outcome::<flush_outbox>(), Some(&Outcome::Completed));
    assert_eq!(report.exit_code(), 1);
}

#[lifecycle::test]
async fn five_hundred_stops_hold() {
    let began = Instant::now();
    let explored = Scenario::new().invariant(the_pool_outlives_the_flush).explore(500);
    assert_eq!(explored.runs(), 500);
    assert!(began.elapsed() < Duration::from_secs(5), "{explored} took {:?}", began.elapsed());
}

/// What matters most to this service: whenever `close_pool` ran, `flush_outbox` had ended, or had
/// been given up a tenth of a second after its time.
fn the_pool_outlives_the_flush(report: &Report) -> Result<(), String> {
    let hook = |name| report.hooks().iter().find(|hook| hook.name().ends_with(name));
    let (Some(flush), Some(close)) = (hook("flush_outbox"), hook("close_pool")) else {
        return Err("a hook is missing".to_owned());
    };
    let Some(closed) = close.started() else { return Ok(()) };
    let Some(began) = flush.started() else { return Err("the flush was left out".to_owned()) };
    let over = began + flush.took().min(flush.allotted() + Duration::from_millis(100));
    if closed < over { Err(format!("closed at {closed:?}, flushed at {over:?}")) } else { Ok(()) }
}
