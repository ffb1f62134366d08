//! Each call has exactly one end, and what was cut is told.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use lifecycle::{
    Config, Outcome, Platform, Refused, Report, on_shutdown, testing::Scenario, tracked,
};
use lifecycle_process_tests::{Signal, service};
use lifecycle_truth_tests::sleep;

type Trace = Arc<Mutex<Vec<&'static str>>>;

struct Exports(Trace);

#[on_shutdown(timeout = "1s")]
async fn close(exports: Exports) {
    exports.0.lock().unwrap().push("closed");
}

/// Takes nearly all of its second.
#[on_shutdown(timeout = "1s")]
async fn flush() {
    sleep(950).await;
}

#[tracked(drain = cancel_after("5s"))]
async fn export() -> Result<(), Refused> {
    pending().await
}

#[tracked]
async fn order(lasts: u64, holds: bool) -> Result<(), Refused> {
    sleep(lasts).await;
    assert!(holds, "the order book is torn");
    Ok(())
}

/// A drain of 1 s, and hooks after it.
fn config() -> Config {
    Config::new().platform(Platform::Unknown).drain_timeout(Duration::from_secs(1))
}

fn counts(report: &Report, site: &str) -> (usize, usize, usize, usize) {
    let found = report.drain().sites().iter().find(|found| found.name().ends_with(site));
    let site = found.unwrap_or_else(|| panic!("no call of {site}: {report}"));
    (site.finished(), site.cancelled(), site.abandoned(), site.finished_late())
}

/// What the caller of `export` is answered, and whether the hook was before it.
#[lifecycle::test]
async fn a_call_that_may_be_cut_is_cut_and_answered_when_the_drain_ends_sooner() {
    let trace = Trace::default();
    let scenario = Scenario::new().only::<(close,)>().provide(Exports(Arc::clone(&trace)));
    let told = Arc::clone(&trace);
    let caller = tokio::spawn(async move {
        let answer = export().await;
        told.lock().unwrap().push(match answer {
            Err(refused) if refused.ran() => "answered",
            _ => "answered otherwise",
        });
    });
    tokio::task::yield_now().await;
    let report = scenario.config(config()).shutdown("deploy").await;
    assert_eq!(*trace.lock().unwrap(), ["answered", "closed"], "{report}");
    assert_eq!(counts(&report, "export"), (0, 1, 0, 0), "{report}");
    caller.await.unwrap();
}

#[test]
fn a_second_ctrl_c_cuts_and_answers_what_may_be_cut_before_hooks_start() {
    let mut child = service!(bin "truth-rows", "cancelled").start();
    child.wait_for("up");
    child.signal(Signal::INT);
    child.wait_for("drains");
    child.next_signal(Signal::INT);
    child.end().exits(0).says_in_order(&["answered: cut half-way", "hook: close exports"]);
}

#[lifecycle::test]
async fn a_call_that_panicked_after_the_request_is_no_finished_call() {
    let scenario = Scenario::new().only::<()>().config(config());
    let caller = tokio::spawn(order(500, false));
    tokio::task::yield_now().await;
    let report = scenario.shutdown("deploy").await;
    assert!(caller.await.unwrap_err().is_panic());
    assert_eq!(counts(&report, "order").0, 0, "{report}");
    assert_eq!((report.is_clean(), report.exit_code()), (false, 70), "{report}");
}

#[test]
fn a_request_that_panics_while_draining_is_named_and_no_success() {
    let mut child = service!(bin "truth-rows", "panics").quiet().start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(70).says("report clean: false").says("0 finished");
    let mut ours = ending
        .lines(lifecycle_process_tests::Stream::Stderr)
        .filter(|line| line.starts_with("lifecycle: "));
    assert!(ours.any(|line| line.contains("place_order")), "it is not named: {ending}");
}

#[lifecycle::test]
async fn a_call_that_its_caller_dropped_is_no_finished_call() {
    let scenario = Scenario::new().only::<()>().config(config());
    let caller = tokio::spawn(async {
        let in_time = tokio::time::timeout(Duration::from_millis(500), order(60_000, true)).await;
        assert!(in_time.is_err());
    });
    tokio::task::yield_now().await;
    let report = scenario.shutdown("deploy").await;
    caller.await.unwrap();
    assert_eq!(counts(&report, "order"), (0, 0, 0, 0), "{report}");
}

#[lifecycle::test]
async fn a_call_that_went_with_main_is_abandoned_and_never_finished() {
    let main = async {
        let _draining = lifecycle::draining();
        let _ = order(60_000, true).await;
    };
    let scenario = Scenario::new().only::<()>().config(config()).main(main);
    let report = scenario.signal_at(Duration::from_secs(1), lifecycle::Signal::Term).run().await;
    assert_eq!(counts(&report, "order"), (0, 0, 1, 0), "{report}");
    assert_eq!((report.is_clean(), report.exit_code()), (false, 70), "{report}");
}

#[test]
fn the_report_says_that_a_call_was_lost_with_main() {
    let mut child = service!(bin "truth-rows", "inside-main").start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    child.end().exits(70).says("settle_accounts: 0 finished, 1 abandoned");
}

#[lifecycle::test]
async fn the_ends_of_all_calls_sum_up_to_those_that_were_in_flight() {
    let scenario = Scenario::new().only::<()>().config(config());
    let calls = [(500, true), (500, false), (60_000, true)];
    let mut callers: Vec<_> =
        calls.into_iter().map(|(lasts, holds)| tokio::spawn(order(lasts, holds))).collect();
    callers.push(tokio::spawn(async {
        tokio::time::timeout(Duration::from_millis(500), order(60_000, true))
            .await
            .unwrap_or(Ok(()))
    }));
    tokio::task::yield_now().await;
    let report = scenario.shutdown("deploy").await;
    let site = report.drain().sites().iter().find(|site| site.name().ends_with("order")).unwrap();
    let ends =
        (site.finished(), site.panicked(), site.dropped(), site.cancelled(), site.abandoned());
    assert_eq!((site.at_start(), ends), (4, (1, 1, 1, 0, 1)), "{report}");
    callers.into_iter().for_each(|caller| caller.abort());
}

/// What `fits` proved is granted whole.
#[lifecycle::test]
async fn a_hook_has_its_whole_timeout_when_main_does_not_return() {
    let config = config().grace_period(Duration::from_secs(10));
    let config = config.drain_timeout(Duration::from_secs(8));
    let plan = lifecycle::Plan::collect().unwrap().only::<flush>();
    plan.fits(&config).unwrap();
    let main = async {
        lifecycle::draining().await;
        pending::<()>().await;
    };
    let scenario = Scenario::new().only::<flush>().config(config).main(main);
    let report = scenario.signal_at(Duration::from_secs(1), lifecycle::Signal::Term).run().await;
    assert_eq!(report.outcome::<flush>(), Some(&Outcome::Completed), "{report}");
    assert_eq!(report.hooks()[0].allotted(), Duration::from_secs(1), "{report}");
}

/// A site of the program's own, and one hook, both made at run time.
#[lifecycle::test]
async fn what_was_registered_at_run_time_is_found_by_its_name() {
    static UPLOADS: lifecycle::Site = lifecycle::Site::new("uploads");
    let main = async {
        let audit = lifecycle::hook("audit").timeout(Duration::from_secs(1));
        audit.register(|| async {}).unwrap();
        lifecycle::spawn(UPLOADS.track(pending::<()>()));
        lifecycle::draining().await;
    };
    let scenario = Scenario::new().only::<()>().config(config()).main(main);
    let scenario = scenario.fail_named("audit", "no route").call_named_at(
        Duration::from_millis(500),
        "uploads",
        Duration::from_secs(60),
    );
    let report = scenario.signal_at(Duration::from_secs(1), lifecycle::Signal::Term).run().await;
    assert_eq!(report.hook("audit").unwrap().outcome(), &Outcome::Failed("no route".into()));
    assert_eq!(report.site("uploads").unwrap().abandoned(), 2, "{report}");
    assert!(report.hook("audits").is_none() && report.site("upload").is_none());
}
