//! Hooks that are registered from many threads while the stop goes from one state to the next: who was
//! accepted runs, who was refused does not.

use std::{
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use lifecycle_core::{Config, Outcome, State};

const CHILD: &str = "LATE_REGISTRATION";

static ACCEPTED: AtomicUsize = AtomicUsize::new(0);
static REFUSED: AtomicUsize = AtomicUsize::new(0);
static RAN: AtomicUsize = AtomicUsize::new(0);

#[test]
fn a_hook_that_was_accepted_runs_and_one_that_was_refused_does_not() {
    let mut late = 0;
    for _ in 0..10 {
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "child", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .expect("a child");
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
        let joined = said.lines().find_map(|line| line.strip_prefix("while hooks ran: "));
        late += joined.and_then(|count| count.parse::<usize>().ok()).expect("a count");
    }
    assert!(late > 0, "none was accepted while hooks ran");
}

/// The body of a child: it is no test without its parent.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let slow = || async { tokio::time::sleep(Duration::from_millis(50)).await };
    lifecycle_core::hook("slow").register(slow).expect("it fits the plan");
    let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(register_until_stopped)).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let main = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        lifecycle_core::shutdown("over");
    };
    let config = Config::new().grace_period(Duration::from_secs(3_600));
    let report = runtime.block_on(async { config.run(main).await });
    let late: usize = threads.into_iter().map(|thread| thread.join().expect("it ends")).sum();
    let [accepted, refused, ran] =
        [&ACCEPTED, &REFUSED, &RAN].map(|count| count.load(Ordering::SeqCst));
    let completed =
        report.hooks().iter().filter(|hook| *hook.outcome() == Outcome::Completed).count();
    assert_eq!(ran, accepted, "of {} in the report, {refused} were refused", report.hooks().len());
    assert_eq!(completed, accepted + 1, "{:?}", report.problems());
    assert!(refused > 0, "the last ones come too late");
    println!("while hooks ran: {late}");
}

/// How many were accepted while hooks ran.
fn register_until_stopped() -> usize {
    let mut late = 0;
    loop {
        let state = lifecycle_core::state();
        // Hooks that never stop coming would be a teardown that never ends.
        if late < 20 || state == State::Stopped {
            let registered = lifecycle_core::hook("another").register(|| async {
                RAN.fetch_add(1, Ordering::SeqCst);
            });
            let count = if registered.is_ok() { &ACCEPTED } else { &REFUSED };
            count.fetch_add(1, Ordering::SeqCst);
            late += usize::from(registered.is_ok() && state == State::Stopping);
        }
        if state == State::Stopped {
            return late;
        }
        std::thread::sleep(Duration::from_micros(300));
    }
}
