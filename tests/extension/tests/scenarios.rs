//! The extension in scenarios: what it does to a stop, and what a stop does to it.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    thread,
    time::{Duration, Instant},
};

use lifecycle::{Config, Reason, Report, Site, State, testing::Scenario};
use lifecycle_core::ext::{
    Component, ComponentError, Handle, LastResort, LastResortError, Observer, observe,
};
use lifecycle_extension_tests::{Port, Recorder, Told, ask, begun};

const ALL: [State; 5] =
    [State::Starting, State::Running, State::Draining, State::Stopping, State::Stopped];

/// A component that does what it is told, and notes what happens to it.
struct Scripted {
    name: &'static str,
    start: Does,
    stop: Does,
    log: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy)]
enum Does {
    Well,
    Fails,
    Panics,
    Hangs,
    /// Asks for each milestone, and keeps the futures.
    Listens,
}

impl Scripted {
    fn new(name: &'static str, start: Does, stop: Does) -> (Self, Arc<Mutex<Vec<String>>>) {
        let log = Arc::default();
        (Self { name, start, stop, log: Arc::clone(&log) }, log)
    }

    async fn perform(&self, what: &str, does: Does) -> Result<(), ComponentError> {
        self.log.lock().unwrap().push(format!("{what} while {}", lifecycle::state()));
        match does {
            Does::Well => Ok(()),
            Does::Fails => Err("no such port".into()),
            Does::Panics => std::panic::resume_unwind(Box::new("broken".to_owned())),
            Does::Hangs => pending().await,
            Does::Listens => {
                let mut asked = (
                    Box::pin(lifecycle::draining()),
                    Box::pin(lifecycle::drained()),
                    Box::pin(lifecycle::until_draining(pending::<()>())),
                );
                let mut cx = Context::from_waker(Waker::noop());
                assert!(asked.0.as_mut().poll(&mut cx).is_pending());
                assert!(asked.1.as_mut().poll(&mut cx).is_pending());
                assert!(asked.2.as_mut().poll(&mut cx).is_pending());
                std::mem::forget(asked);
                Ok(())
            }
        }
    }
}

impl Component for Scripted {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    async fn start(&mut self) -> Result<(), ComponentError> {
        self.perform("started", self.start).await
    }

    async fn stop(&mut self) -> Result<(), ComponentError> {
        self.perform("stopped", self.stop).await
    }
}

fn scenario(config: Config) -> Scenario {
    Scenario::new().only::<()>().config(config)
}

/// What was told by the time that something is.
fn eventually(told: impl Fn() -> Told, is_there: impl Fn(&Told) -> bool) -> Told {
    let began = Instant::now();
    loop {
        let now = told();
        if is_there(&now) || began.elapsed() > Duration::from_secs(30) {
            return now;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[lifecycle::test]
async fn a_component_answers_from_before_main_until_after_the_last_hook() {
    let port = Port::new();
    let address = port.address();
    let scenario = scenario(Config::new().component(port)).starting();
    let (asked, answers) = (address.clone(), Arc::new(Mutex::new(Vec::new())));
    let (of_main, of_hook) = (answers.clone(), answers.clone());
    lifecycle::hook("asks")
        .register(move || async move {
            of_hook.lock().unwrap().push(ask(*asked.get().unwrap()).unwrap());
        })
        .unwrap();
    let asked = address.clone();
    let main = async move {
        of_main.lock().unwrap().push(ask(*asked.get().unwrap()).unwrap());
        lifecycle::draining().await;
    };
    let report = scenario.main(main).shutdown("test").await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(*answers.lock().unwrap(), ["starting", "stopping"]);
    assert!(ask(*address.get().unwrap()).is_err());
}

#[lifecycle::test]
async fn a_component_that_fails_to_start_is_named_and_those_before_it_are_stopped() {
    for (does, why) in [(Does::Fails, "no such port"), (Does::Panics, "it panicked: broken")] {
        let (first, first_log) = Scripted::new("first", Does::Well, Does::Well);
        let (second, second_log) = Scripted::new("second", does, Does::Well);
        let (third, third_log) = Scripted::new("third", Does::Well, Does::Well);
        let config = Config::new().component(first).component(second).component(third);
        let polled = Arc::new(AtomicBool::new(false));
        let main = polled.clone();
        let main = async move { main.store(true, Ordering::SeqCst) };
        let report = scenario(config).starting().main(main).run().await;
        assert_eq!(report.exit_code(), 1);
        assert_eq!(report.problems(), [format!("component `second` did not start: {why}")]);
        assert!(matches!(report.reason(), Reason::Failure(_)), "{:?}", report.reason());
        assert!(!polled.load(Ordering::SeqCst));
        assert_eq!(
            *first_log.lock().unwrap(),
            ["started while starting", "stopped while stopping"]
        );
        assert_eq!(*second_log.lock().unwrap(), ["started while starting"]);
        assert_eq!(*third_log.lock().unwrap(), [""; 0]);
    }
}

#[lifecycle::test]
async fn a_component_that_does_not_stop_as_it_should_is_named_and_unclean() {
    for (does, wrong) in [
        (Does::Fails, "did not stop as it should: no such port"),
        (Does::Panics, "did not stop as it should: it panicked: broken"),
        (Does::Hangs, "did not stop within 1.0s"),
    ] {
        let (good, log) = Scripted::new("good", Does::Well, Does::Well);
        let (bad, _) = Scripted::new("bad", Does::Well, does);
        let config = Config::new().component(bad).component(good);
        let report = scenario(config).shutdown("test").await;
        assert_eq!(report.exit_code(), 70);
        assert_eq!(report.problems(), [format!("component `bad` {wrong}")]);
        assert_eq!(log.lock().unwrap().len(), 2);
        let took = if matches!(does, Does::Hangs) { 1_000 } else { 0 };
        assert_eq!(report.total(), Duration::from_millis(took));
    }
}

#[lifecycle::test]
async fn a_stop_that_comes_while_components_start_is_not_held_up_by_them() {
    let (first, first_log) = Scripted::new("first", Does::Well, Does::Well);
    let (second, second_log) = Scripted::new("second", Does::Hangs, Does::Well);
    let config = Config::new().component(first).component(second);
    let at = Duration::from_secs(3);
    let report =
        scenario(config).starting().main(pending::<()>()).signal_at(at, lifecycle::Signal::Term);
    let report = report.run().await;
    assert!(report.is_clean() && report.total() < Duration::from_millis(1), "{report}");
    assert_eq!(first_log.lock().unwrap().len(), 2);
    assert_eq!(*second_log.lock().unwrap(), ["started while starting"]);
}

#[lifecycle::test]
async fn a_configuration_gives_its_components_to_one_run() {
    let config = Config::new().component(Scripted::new("once", Does::Well, Does::Well).0);
    assert!(scenario(config.clone()).shutdown("first").await.is_clean());
    let again = scenario(config).starting().main(async {}).run().await;
    assert_eq!(again.exit_code(), 1);
    assert!(again.problems()[0].contains("an earlier run"), "{again}");
}

/// Main knows of nothing: it is dropped at once, and was never ready.
#[lifecycle::test]
async fn what_a_component_asks_of_milestones_does_not_make_main_a_listener() {
    let (component, _) = Scripted::new("asks", Does::Listens, Does::Well);
    let scenario = scenario(Config::new().component(component)).starting();
    let states = Arc::new(Mutex::new(Vec::new()));
    let seen = states.clone();
    let look = async move { seen.lock().unwrap().push(lifecycle::status().state()) };
    let reached = Handle::current().reached(State::Draining);
    let scenario = scenario.at(Duration::from_secs(1), look).main(pending::<()>());
    let report = scenario.signal_at(Duration::from_secs(2), lifecycle::Signal::Term).run().await;
    // Main was dropped at once, as nobody of the application had asked.
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_eq!(report.total(), Duration::ZERO);
    assert_eq!(*states.lock().unwrap(), [State::Starting]);
    reached.await;
}

/// 3,000 hooks are 6,000 events, of which 1,024 wait.
#[lifecycle::test]
async fn a_slow_observer_loses_events_with_a_count_and_no_change_of_state() {
    let scenario = scenario(Config::new());
    let slow = Recorder::default().taking(Duration::from_millis(1));
    let told = slow.told();
    observe(slow);
    for _ in 0..3_000 {
        lifecycle::hook("many").register(|| async {}).unwrap();
    }
    let began = Instant::now();
    let report = scenario.shutdown("test").await;
    let took = began.elapsed();
    assert!(report.is_clean());
    let at_once = told();
    assert!(at_once.report.is_none(), "told in {took:?}");
    assert!(took < Duration::from_secs(3), "nobody waits for it: {took:?}");
    let told = eventually(told, |told| told.report.is_some());
    assert_eq!(told.states, ALL);
    assert!(told.dropped > 0, "{told:?}");
    assert_eq!(told.report.map(|report| report.hooks().len()), Some(3_000));
}

#[lifecycle::test]
async fn every_event_is_told_or_counted() {
    let scenario = scenario(Config::new());
    let counted = lifecycle::events();
    let quick = Recorder::default();
    let told = quick.told();
    observe(quick);
    for _ in 0..50 {
        lifecycle::hook("some").register(|| async {}).unwrap();
    }
    let report = scenario.shutdown("test").await;
    // It was told before the report was out.
    let told = told();
    assert_eq!(told.report.map(|told| told.total()), Some(report.total()));
    assert_eq!(told.states, ALL);
    assert_eq!(told.dropped, 0);
    let mut events = 0;
    let mut counted = pin!(counted);
    while let Some(event) = poll_once(counted.recv()) {
        events += usize::from(!matches!(event, Some(lifecycle::event::Event::State { .. })));
    }
    assert!(events > 100);
    assert_eq!(told.events, events);
}

fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

static ORDERS: Site = Site::new("orders");

#[lifecycle::test]
async fn a_status_comes_at_the_interval_while_something_is_in_flight_and_not_otherwise() {
    let scenario = scenario(Config::new());
    let told = {
        let recorder = Recorder::default().every(Duration::from_millis(20));
        let told = recorder.told();
        observe(recorder);
        told
    };
    thread::sleep(Duration::from_millis(200));
    assert!(told().statuses.is_empty());
    let call = ORDERS.admit().unwrap();
    let with = eventually(&told, |told| told.statuses.len() > 3);
    assert!(with.statuses.len() > 3);
    assert!(with.statuses.iter().all(|status| status.in_flight() == 1));
    drop(call);
    thread::sleep(Duration::from_millis(100));
    let before = told().statuses.len();
    thread::sleep(Duration::from_millis(200));
    assert_eq!(told().statuses.len(), before);
    let call = ORDERS.admit().unwrap();
    assert!(eventually(&told, |told| told.statuses.len() > before).statuses.len() > before);
    drop(call);
    assert!(scenario.shutdown("test").await.is_clean());
}

struct Panics(Arc<AtomicUsize>);

impl Observer for Panics {
    fn state(&mut self, state: State) {
        self.0.fetch_add(1, Ordering::SeqCst);
        if state == State::Running {
            std::panic::resume_unwind(Box::new("an observer's own"));
        }
    }
}

#[lifecycle::test]
async fn a_panic_of_an_observer_is_said_and_ends_nothing_but_it() {
    let scenario = scenario(Config::new());
    let (calls, recorder) = (Arc::new(AtomicUsize::new(0)), Recorder::default());
    let told = recorder.told();
    observe(Panics(calls.clone()));
    observe(recorder);
    let mut events = pin!(lifecycle::events());
    let hold = lifecycle::testing::hold_clock();
    let main = async {
        thread::sleep(Duration::from_millis(300));
        lifecycle::draining().await;
    };
    let report = scenario.main(main).shutdown("test").await;
    drop(hold);
    assert!(report.is_clean());
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_eq!(told().states, ALL);
    let mut notices = Vec::new();
    while let Some(Some(event)) = poll_once(events.recv()) {
        if let lifecycle::event::Event::Notice { text, .. } = event {
            notices.push(text);
        }
    }
    let said = "an observer panicked and is told nothing more: an observer's own";
    assert!(notices.iter().any(|notice| notice == said), "{notices:?}");
}

#[lifecycle::test]
async fn an_observer_that_is_removed_is_told_nothing_more_and_one_that_comes_late_the_end() {
    let scenario = scenario(Config::new());
    let (gone, stays) = (Recorder::default(), Recorder::default());
    let (told_gone, told) = (gone.told(), stays.told());
    let handle = observe(gone);
    eventually(&told_gone, |told| !told.states.is_empty());
    handle.remove();
    let lifecycle = Handle::current();
    let report: Report = scenario.shutdown("test").await;
    assert_eq!(told_gone().states, [State::Starting]);
    lifecycle.enter(|| observe(stays));
    let told = eventually(told, |told| told.report.is_some());
    assert_eq!(told.states, [State::Stopped]);
    assert_eq!(told.report.map(|told| told.total()), Some(report.total()));
}

#[lifecycle::test]
async fn a_status_tells_hooks_by_name_while_they_run() {
    let scenario = scenario(Config::new());
    let seen = Arc::new(Mutex::new(None));
    let note = seen.clone();
    lifecycle::hook("first").register(|| async {}).unwrap();
    let looks = lifecycle::hook("looks").order(1);
    looks
        .register(move || async move { *note.lock().unwrap() = Some(lifecycle::status()) })
        .unwrap();
    lifecycle::hook("last").order(2).register(|| async {}).unwrap();
    let before = lifecycle::status();
    assert_eq!((before.hooks().planned(), before.hooks().running().len()), (0, 0));
    assert!(scenario.shutdown("test").await.is_clean());
    let status = seen.lock().unwrap().take().unwrap();
    assert_eq!(status.state(), State::Stopping);
    assert!(status.reason().is_some() && status.time_left().is_some());
    let hooks = status.hooks();
    assert_eq!((hooks.planned(), hooks.ended()), (3, 1));
    assert_eq!(hooks.running(), ["looks"]);
}

#[lifecycle::test]
async fn in_a_scenario_a_last_resort_is_listed_and_not_done() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let scenario = scenario(Config::new().grace_period(Duration::from_secs(10)));
    let _kept = LastResort::Unlink(path.clone()).register().unwrap();
    drop(LastResort::KillProcessGroup(4711).register().unwrap());
    let refused = LastResort::KillProcessGroup(1).register().unwrap_err();
    assert_eq!(refused, LastResortError::NoGroupToKill(1));
    lifecycle::resource::try_provide(Hangs).unwrap();
    let report = scenario.shutdown("test").await;
    assert_eq!(report.exit_code(), 124, "{report}");
    let listed: Vec<_> =
        report.problems().iter().filter(|line| line.starts_with("a process would")).collect();
    assert_eq!(listed, [&format!("a process would unlink {}", path.display())]);
    assert!(path.exists());
}

/// Its destructor takes longer than there is.
struct Hangs;

impl Drop for Hangs {
    fn drop(&mut self) {
        thread::sleep(Duration::from_secs(12));
    }
}

#[tokio::test(start_paused = true)]
async fn a_scenario_begins_nothing_of_a_linked_crate() {
    let main = async { lifecycle::draining().await };
    let report = Scenario::new().main(main).shutdown("deploy").await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(begun(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_shows_how_long_it_takes_and_may_take_and_what_it_does_to_calls() {
    static ORDERS: Site = Site::new("orders");
    let config = Config::new().drain_timeout(Duration::from_secs(4));
    let looks = async {
        let handle = Handle::current();
        let drain = handle.status().drain().unwrap();
        assert_eq!(drain.took(), Duration::from_secs(1));
        assert_eq!(drain.allotted(), Some(Duration::from_secs(4)));
        assert!(ORDERS.admit().is_err());
        let [site] = &handle.site_reports()[..] else { panic!("{:?}", handle.site_reports()) };
        assert_eq!((site.name(), site.admitted(), site.refused()), ("orders", 1, 1));
    };
    let before = async {
        let handle = Handle::current();
        assert!(handle.status().drain().is_none() && handle.site_reports().is_empty());
    };
    let main = async {
        lifecycle::draining().await;
    };
    let report = Scenario::new()
        .config(config)
        .main(main)
        .call_at(Duration::ZERO, &ORDERS, Duration::from_secs(5))
        .at(Duration::from_secs(2), before)
        .at(Duration::from_secs(3), async { lifecycle::shutdown("deploy") })
        .at(Duration::from_secs(4), looks)
        .run()
        .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.drain().took(), Duration::from_secs(2));
    assert_eq!(report.drain().allotted(), Some(Duration::from_secs(4)));
    let read = Report::from_json(&report.to_json()).unwrap();
    assert_eq!(read.drain().allotted(), Some(Duration::from_secs(4)));
}
