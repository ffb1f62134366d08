//! The test kit: a scenario is isolated, takes no time, and shows what a process would do.
#![cfg(feature = "testing")]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use lifecycle::{
    Config, Outcome, Plan, Platform, Reason, Refused, Signal, Site, State, on_shutdown,
    testing::Scenario, tracked,
};

type Trace = Arc<Mutex<Vec<&'static str>>>;

struct Outbox(Trace);
struct Pool(Trace);

#[on_shutdown(timeout = "5s")]
async fn flush(outbox: &Outbox, _pool: &Pool) -> Result<(), String> {
    tokio::time::sleep(Duration::from_secs(3)).await;
    outbox.0.lock().unwrap().push("flush");
    Ok(())
}

#[on_shutdown(timeout = "2s")]
async fn close(pool: Pool) {
    pool.0.lock().unwrap().push("close");
}

#[on_shutdown(order = 10, timeout = "1s")]
fn telemetry() {}

#[tracked]
async fn call(lasts: Duration) -> Result<(), Refused> {
    tokio::time::sleep(lasts).await;
    Ok(())
}

static EXPORTS: Site = Site::new("exports");

fn scenario(trace: &Trace) -> Scenario {
    Scenario::new()
        .only::<(flush, close, telemetry)>()
        .provide(Outbox(Arc::clone(trace)))
        .provide(Pool(Arc::clone(trace)))
}

#[lifecycle::test]
async fn a_stop_of_seconds_takes_no_time_and_runs_by_the_plan() {
    let (trace, began) = (Trace::default(), Instant::now());
    let report = scenario(&trace).shutdown("test").await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(*trace.lock().unwrap(), ["flush", "close"]);
    assert!(
        report.total() >= Duration::from_secs(3) && report.total() < Duration::from_millis(3_100),
        "{report}"
    );
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(
        lifecycle::state(),
        State::Starting,
        "the process's own lifecycle has seen nothing of it"
    );
}

#[lifecycle::test]
async fn faults_are_played() {
    let trace = Trace::default();
    let report =
        scenario(&trace).hang::<flush>().fail::<telemetry>("no route").shutdown("test").await;
    assert_eq!(report.outcome::<flush>(), Some(&Outcome::TimedOut));
    assert_eq!(report.outcome::<close>(), Some(&Outcome::Completed));
    assert_eq!(report.outcome::<telemetry>(), Some(&Outcome::Failed("no route".into())));
    assert_eq!(report.exit_code(), 70);

    let report = scenario(&trace).panic::<flush>().shutdown("test").await;
    assert!(matches!(report.outcome::<flush>(), Some(Outcome::Panicked(_))), "{report}");

    let report = scenario(&trace).block::<flush>(Duration::from_secs(60)).shutdown("test").await;
    assert_eq!(report.outcome::<flush>(), Some(&Outcome::Stuck));
}

#[lifecycle::test]
async fn a_missing_resource_is_skipped_and_unclean_once_running() {
    let report = Scenario::new().only::<(close,)>().shutdown("test").await;
    assert!(matches!(report.outcome::<close>(), Some(Outcome::Skipped(_))));
    assert_eq!(report.exit_code(), 70);

    let report = Scenario::new().only::<(close,)>().starting().shutdown("test").await;
    assert_eq!(report.exit_code(), 0, "{report}");
}

#[lifecycle::test]
async fn calls_count_against_the_scenario() {
    let trace = Trace::default();
    let scenario = scenario(&trace);
    let running = tokio::spawn(call(Duration::from_secs(4)));
    let late = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(call(Duration::ZERO).await.is_err(), "a fresh call is refused while draining");
    };
    let report = scenario.at(Duration::ZERO, late).shutdown("test").await;
    running.await.unwrap().unwrap();
    let site = report.drain().sites().iter().find(|site| site.name().ends_with("call")).unwrap();
    assert_eq!((site.at_start(), site.finished(), site.refused()), (1, 1, 1), "{report}");
    assert!(report.drain().took() >= Duration::from_millis(3_900), "{report}");
}

#[lifecycle::test]
async fn signals_climb_the_ladder() {
    let trace = Trace::default();
    let report = scenario(&trace)
        .call_at(Duration::ZERO, &EXPORTS, Duration::from_secs(60))
        .signal_at(Duration::from_secs(1), Signal::Term)
        .signal_at(Duration::from_secs(3), Signal::Int)
        .run()
        .await;
    assert!(report.drain().took() < Duration::from_millis(2_200), "{report}");
    assert_eq!(report.drain().abandoned(), 1);
    assert_eq!(report.exit_code(), 70);

    let report = scenario(&trace)
        .call_at(Duration::ZERO, &EXPORTS, Duration::from_secs(60))
        .signal_at(Duration::from_secs(1), Signal::Term)
        .signal_at(Duration::from_secs(2), Signal::Int)
        .signal_at(Duration::from_secs(3), Signal::Int)
        .run()
        .await;
    assert_eq!(report.exit_code(), 130, "{report}");
}

#[lifecycle::test]
async fn the_deadline_is_the_exit_code() {
    let trace = Trace::default();
    let main = async {
        lifecycle::draining().await;
        std::future::pending::<()>().await;
    };
    let report = scenario(&trace)
        .config(Config::new().grace_period(Duration::from_secs(10)))
        .main(main)
        .shutdown(Reason::failure("lost the lease"))
        .await;
    assert!(report.drain().main_did_not_return(), "{report}");
    assert_eq!(report.exit_code(), 1);
    assert!(report.total() < Duration::from_secs(9));
}

#[lifecycle::test]
async fn a_platform_brings_its_delay() {
    let trace = Trace::default();
    let report = scenario(&trace)
        .config(Config::new().platform(Platform::Kubernetes))
        .shutdown("test")
        .await;
    assert_eq!(report.drain().delay().as_secs(), 5, "{report}");
}

#[test]
fn scenarios_on_other_threads_do_not_see_each_other() {
    let stops = (1..=4_u64).map(|seconds| {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async move {
                let lasts = Duration::from_secs(seconds);
                Scenario::new()
                    .only::<()>()
                    .call_at(Duration::ZERO, &EXPORTS, lasts)
                    .shutdown("test")
                    .await
            })
        })
    });
    for (stop, seconds) in stops.collect::<Vec<_>>().into_iter().zip(1..) {
        let report = stop.join().unwrap();
        assert!(
            report.total() <= Duration::from_secs(seconds) + Duration::from_millis(10),
            "{report}"
        );
    }
}

#[lifecycle::test]
async fn an_exploration_holds() {
    let began = Instant::now();
    let explored = Scenario::new().only::<(flush, close, telemetry)>().explore(500);
    println!("{explored} in {:.1?}", began.elapsed());
    assert_eq!(explored.runs(), 500);
    assert!(explored.clean() > 10 && explored.clean() < 490, "{explored}");
}

#[on_shutdown(timeout = "800ms", before = [flush])]
async fn stop_cron() {}

#[on_shutdown(timeout = "300ms", after = [close, stop_cron])]
async fn give_lease_back() {}

fn every_kind_of_edge() -> Scenario {
    Scenario::new().only::<(flush, close, telemetry, stop_cron, give_lease_back)>()
}

#[lifecycle::test]
async fn an_exploration_of_every_kind_of_edge_holds() {
    let explored = every_kind_of_edge().explore(500);
    assert!(explored.clean() > 10, "{explored}");
    // One after the other, and with a hook left out that order was written through.
    let corrected = Plan::collect().unwrap().only::<(flush, close, stop_cron, give_lease_back)>();
    let _ = Scenario::new().plan(corrected.clone().without::<close>()).explore(100);
    let _ = Scenario::new().plan(corrected.sequential()).explore(100);
}

/// So little that a hook which cannot be stopped is there when the deadline comes.
#[lifecycle::test]
async fn an_exploration_where_time_is_short_holds() {
    let short = Config::new().grace_period(Duration::from_millis(400));
    let explored = every_kind_of_edge().config(short).explore(500);
    assert!(explored.to_string().contains("not started"), "{explored}");
    // As good as no limit at all, for one hook.
    let endless = Plan::collect().unwrap().only::<(flush, close)>().timeout::<close>(Duration::MAX);
    let _ = Scenario::new().plan(endless).explore(100);
    let limited = Config::new().grace_period(None).drain_timeout(Duration::from_secs(2));
    let _ = every_kind_of_edge().config(limited).explore(100);
}

#[lifecycle::test]
#[should_panic(expected = "seed 0")]
async fn an_invariant_of_ones_own_is_checked() {
    let _ = Scenario::new().invariant(|_| Err("never".into())).explore(3);
}

#[lifecycle::test]
#[should_panic(expected = "seed 0 (run it alone: LIFECYCLE_EXPLORE_SEED=0): assertion failed")]
async fn an_invariant_may_assert() {
    let holds = std::hint::black_box(false);
    let _ = Scenario::new()
        .only::<(flush,)>()
        .invariant(move |_| {
            assert!(holds);
            Ok(())
        })
        .explore(3);
}

#[lifecycle::test]
#[should_panic(expected = "leave out what says otherwise")]
async fn an_exploration_plays_every_part_itself() {
    let _ = Scenario::new().hang::<flush>().explore(3);
}

#[lifecycle::test]
#[should_panic(expected = "there is nothing to explore: ")]
async fn an_invalid_plan_is_not_the_fault_of_a_seed() {
    let _ = Scenario::new().plan(Plan::collect().unwrap().edge::<close, flush>()).explore(3);
}

#[lifecycle::test]
async fn no_time_is_too_short_to_explore() {
    for millis in [1, 2, 3, 10] {
        let short = Config::new().grace_period(Duration::from_millis(millis));
        let _ = every_kind_of_edge().config(short).explore(100);
    }
}

/// What an exploration counts on for the exit codes of jobs, too.
#[lifecycle::test]
async fn an_exploration_of_a_job_holds() {
    let _ = every_kind_of_edge().config(Config::new().job(true)).explore(300);
}

#[on_shutdown(timeout = "1s")]
async fn waits_for_a_thread() {
    let endless = lifecycle::spawn_blocking(|| {
        loop {
            std::thread::park();
        }
    });
    let _: Result<(), _> = endless.await;
}

#[on_shutdown(timeout = "1s", after = [waits_for_a_thread])]
async fn comes_after() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// tokio holds the paused clock for a blocking task; the kit lets it go after 10 s of real time.
#[lifecycle::test]
async fn a_blocking_task_that_never_ends_does_not_hold_the_test() {
    let began = Instant::now();
    let report = Scenario::new().only::<(waits_for_a_thread, comes_after)>().shutdown("test").await;
    assert_eq!(report.outcome::<waits_for_a_thread>(), Some(&Outcome::TimedOut), "{report}");
    assert_eq!(report.outcome::<comes_after>(), Some(&Outcome::Completed), "{report}");
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    assert!((report.total().as_secs_f64() - 1.5).abs() < 0.2, "{report}");
}

#[lifecycle::test]
async fn a_script_is_over_with_its_scenario() {
    let second = Duration::from_secs(1);
    let first = Scenario::new()
        .only::<()>()
        .call_at(Duration::ZERO, &EXPORTS, 3_600 * second)
        .call_at(10 * second, &EXPORTS, 3_600 * second)
        .at(12 * second, async { lifecycle::shutdown("from the first") })
        .config(Config::new().drain_timeout(second))
        .signal_at(second, Signal::Term)
        .run()
        .await;
    assert_eq!((first.drain().abandoned(), first.exit_code()), (1, 70), "{first}");
    let then = Scenario::new().only::<()>().signal_at(20 * second, Signal::Term).run().await;
    assert!(then.is_clean() && then.drain().sites().is_empty(), "{then}");
    assert!(then.reason().to_string().starts_with("SIGTERM"), "{then}");
}

#[lifecycle::test]
#[should_panic(expected = "as seen in the script")]
async fn an_assertion_in_a_script_fails_the_test() {
    // Nothing else ever stops this one.
    let script = async { panic!("as seen in the script") };
    let _ = Scenario::new().only::<()>().at(Duration::from_secs(1), script).run().await;
}

#[lifecycle::test]
async fn hooks_that_were_unregistered_leave_their_time_to_the_drain() {
    let second = Duration::from_secs(1);
    let report = Scenario::new()
        .only::<()>()
        .config(Config::new().grace_period(8 * second))
        // While it runs: what `run` begins with is planned anew in any case.
        .at(second / 2, async move {
            for _ in 0..3 {
                let hook =
                    lifecycle::hook("conn").timeout(2 * second).register(|| async {}).unwrap();
                assert!(hook.unregister());
            }
        })
        .signal_at(second, Signal::Term)
        .call_at(second - Duration::from_millis(1), &EXPORTS, 6 * second)
        .run()
        .await;
    assert_eq!(report.drain().abandoned(), 0, "{report}");
    assert!(report.drain().took() > 5 * second, "{report}");
}

struct Session;

#[on_shutdown]
async fn reads(_session: &Session) {
    std::future::pending::<()>().await;
}

#[on_shutdown(timeout = "1s")]
fn keeps(_session: &Session) {
    std::thread::sleep(Duration::from_millis(300));
}

#[on_shutdown]
async fn ends(session: Option<Session>) {
    assert!(session.is_some(), "it was provided");
}

/// An optional parameter is for what was not provided, not for what cannot be had.
#[lifecycle::test]
async fn an_optional_taker_of_what_is_still_held_is_skipped_and_says_by_whom() {
    let scenario = Scenario::new().only::<(reads, ends)>().provide(Session);
    let share = lifecycle::resource::<Session>().unwrap();
    let report = scenario.shutdown("test").await;
    assert!(
        matches!(report.outcome::<ends>(), Some(Outcome::Skipped(why)) if why.contains("still borrowed")),
        "{report}"
    );
    drop(share);

    let report = Scenario::new().only::<(keeps, ends)>().provide(Session).shutdown("test").await;
    assert!(report.is_clean(), "a sync hook takes no virtual time: {report}");
}

/// A database that answers from a thread of its own, so much real time later.
struct Remote(Duration);

impl Remote {
    async fn ask(&self) -> &'static str {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let later = self.0;
        std::thread::spawn(move || {
            std::thread::sleep(later);
            answer.send("done")
        });
        answered.await.unwrap()
    }
}

#[on_shutdown(timeout = "1s")]
async fn asks(remote: &Remote) {
    remote.ask().await;
}

#[lifecycle::test]
async fn the_clock_stands_still_for_what_waits_outside() {
    let (soon, never) = (Duration::from_millis(50), Duration::from_secs(3_600));
    let asking = |later| Scenario::new().only::<(asks,)>().provide(Remote(later));
    let report = asking(soon).outside::<asks>().shutdown("test").await;
    assert_eq!(report.outcome::<asks>(), Some(&Outcome::Completed));
    assert_eq!(report.total(), Duration::ZERO, "{report}");
    let report = asking(never).shutdown("test").await;
    assert_eq!(
        report.outcome::<asks>(),
        Some(&Outcome::TimedOut),
        "the clock jumps past an idle runtime"
    );

    let second = Duration::from_secs(1);
    let held = lifecycle::testing::hold_clock();
    assert_eq!(tokio::time::timeout(second, Remote(soon).ask()).await, Ok("done"));
    drop(held);
    assert!(tokio::time::timeout(second, Remote(never).ask()).await.is_err());
}

#[lifecycle::test]
async fn a_hook_that_waits_outside_plays_its_part_without_holding_the_clock() {
    let began = Instant::now();
    let report = Scenario::new()
        .only::<(asks,)>()
        .provide(Remote)
        .outside::<asks>()
        .hang::<asks>()
        .shutdown("test")
        .await;
    assert_eq!(report.outcome::<asks>(), Some(&Outcome::TimedOut));
    assert!(began.elapsed() < Duration::from_secs(5));
}

thread_local! {
    static FAILS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[lifecycle::test]
async fn a_test_may_return_a_result() -> Result<(), std::num::ParseIntError> {
    let text = if FAILS.get() { "many" } else { "7" };
    assert_eq!(text.parse::<u8>()?, 7);
    Ok(())
}

#[test]
fn the_error_of_a_test_is_the_harness_s() {
    FAILS.set(true);
    assert!(a_test_may_return_a_result().is_err());
}

#[lifecycle::test]
#[should_panic(expected = "after a minute")]
async fn a_panic_in_a_test_is_the_harness_s() {
    tokio::time::sleep(Duration::from_secs(60)).await;
    panic!("after a minute");
}

#[lifecycle::test]
async fn a_closure_that_only_panics_is_a_hook() {
    let scenario = Scenario::new().only::<()>();
    lifecycle::hook("boom")
        .register(|| async { std::panic::resume_unwind(Box::new("boom")) })
        .unwrap();
    let report = scenario.shutdown("test").await;
    assert_eq!(report.hooks()[0].outcome(), &Outcome::Panicked("boom".into()));
}

#[lifecycle::test]
async fn the_status_knows_sites_that_are_idle() {
    let scenario = Scenario::new().only::<()>().at(Duration::from_secs(1), async {
        let exports = EXPORTS.track(async {
            let known = lifecycle::status().known_sites();
            let in_flight = |name: &str| {
                let site = known.iter().find(|site| site.name().ends_with(name));
                site.map(lifecycle::status::SiteStatus::in_flight)
            };
            assert_eq!(in_flight("call"), Some(0), "{known:?}");
            assert_eq!(in_flight("exports"), Some(1), "{known:?}");
        });
        exports.await.unwrap();
        lifecycle::shutdown("over");
    });
    assert!(scenario.run().await.is_clean());
}

#[lifecycle::test]
async fn a_hook_that_a_hook_registers_joins_the_stop() {
    let (trace, scenario) = (Trace::default(), Scenario::new().only::<()>());
    let log = Arc::clone(&trace);
    lifecycle::hook("first")
        .register(move || async move {
            let inner = Arc::clone(&log);
            let second = lifecycle::hook("second");
            second.register(move || async move { inner.lock().unwrap().push("second") }).unwrap();
            log.lock().unwrap().push("first");
        })
        .unwrap();
    let report = scenario.shutdown("test").await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.hooks().len(), 2);
    assert_eq!(*trace.lock().unwrap(), ["first", "second"]);
}

#[lifecycle::test]
async fn a_pool_that_timed_out_as_the_clock_jumped_is_told_how_to_hold_it() {
    let texts = ["pool timed out while waiting for an open connection", "got PoolTimedOut"];
    for text in texts {
        let failing = Scenario::new().only::<()>().main(async move { Err::<(), _>(text) });
        let problems = failing.run().await.problems().join("\n");
        assert!(problems.contains("lifecycle::testing::hold_clock"), "{problems}");
    }
    let failing = Scenario::new().only::<()>().main(async { Err::<(), _>("no database") });
    let problems = failing.run().await.problems().join("\n");
    assert!(!problems.contains("hold_clock"), "{problems}");
}

/// What a scenario's closure of `on_busy` is told, and when.
fn told(busy: &Arc<Mutex<Vec<(bool, u128)>>>) -> Config {
    let busy = Arc::clone(busy);
    let began = tokio::time::Instant::now();
    Config::new().on_busy(move |is| busy.lock().unwrap().push((is, began.elapsed().as_millis())))
}

#[lifecycle::test]
async fn a_scenario_is_told_when_it_is_busy_on_its_own_clock() {
    let busy = Arc::default();
    let scenario = Scenario::new()
        .config(told(&busy))
        .only::<()>()
        .call_at(Duration::from_secs(1), &EXPORTS, Duration::from_secs(2))
        .call_at(Duration::from_secs(2), &EXPORTS, Duration::from_secs(3))
        .call_at(Duration::from_secs(20), &EXPORTS, Duration::from_secs(3))
        .signal_at(Duration::from_secs(21), Signal::Term);
    let report = scenario.run().await;
    assert!(report.is_clean(), "{report}");
    let busy = std::mem::take(&mut *busy.lock().unwrap());
    let states: Vec<_> = busy.iter().map(|(is, _)| *is).collect();
    assert_eq!(states, [true, false, true, false], "{busy:?}");
    for ((_, at), about) in busy.iter().zip([1_000, 5_000, 20_000, 23_000]) {
        assert!((about..=about + 101).contains(at), "{busy:?}");
    }
}

#[lifecycle::test]
async fn who_is_told_of_busy_hears_of_the_end_though_work_was_abandoned() {
    let busy = Arc::default();
    let config = told(&busy).drain_timeout(Duration::from_secs(1));
    let scenario = Scenario::new()
        .config(config.on_busy(|_| panic!("of the test")))
        .only::<()>()
        .call_at(Duration::from_secs(1), &EXPORTS, Duration::from_secs(60))
        .signal_at(Duration::from_secs(2), Signal::Term);
    let report = scenario.run().await;
    assert_eq!(report.exit_code(), 70, "{report}");
    let busy: Vec<_> = busy.lock().unwrap().iter().map(|(is, _)| *is).collect();
    assert_eq!(busy, [true, false]);
}
