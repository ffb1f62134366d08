//! A stop with many hooks, run for real: each in a process of its own, as a process has one lifecycle.
//!
//! ```sh
//! cargo test --release -p lifecycle-core --test many_hooks -- --ignored --nocapture figures
//! ```

use std::{
    process::Command,
    time::{Duration, Instant},
};

use lifecycle_core::{Config, Outcome, Report};

/// How many hooks the stop of a child has; the tests start them.
const HOOKS: &str = "MANY_HOOKS";

/// So many hooks that return at once, and all of them within their time.
#[test]
fn fifteen_thousand_hooks_that_return_at_once_are_neither_stuck_nor_late() {
    let took = stop_of(15_000);
    // Beside other tests, and not optimized.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });
    assert!(took < limit, "it took {took:.1?}");
}

#[test]
#[ignore = "it measures: release, and nothing beside it"]
fn figures() {
    let mut before: Option<Duration> = None;
    for hooks in [1_000_u32, 10_000, 100_000] {
        let took = (0..3).map(|_| stop_of(hooks)).min().expect("three stops");
        println!("{hooks:>7} hooks: {took:>9.1?}, {:>5.1?} each", took / hooks);
        if let Some(before) = before {
            let growth = took.as_secs_f64() / before.as_secs_f64();
            assert!(growth < 25.0, "ten times the hooks took {growth:.1} times as long");
        }
        before = Some(took);
    }
}

/// The body of a child: it is no test without its parent.
#[test]
fn child() {
    let Ok(hooks) = std::env::var(HOOKS) else { return };
    let hooks: usize = hooks.parse().expect("a number");
    for _ in 0..hooks {
        lifecycle_core::hook("returns at once").register(|| async {}).expect("it fits the plan");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let asked = Instant::now();
    let report = runtime.block_on(async {
        Config::new()
            .grace_period(Duration::from_secs(3_600))
            .run(async { lifecycle_core::shutdown("over") })
            .await
    });
    check(&report, hooks);
    println!("report after {:.1?}", asked.elapsed());
    println!("stop: {}", report.total().as_micros());
}

fn check(report: &Report, hooks: usize) {
    let completed =
        report.hooks().iter().filter(|hook| *hook.outcome() == Outcome::Completed).count();
    assert_eq!(completed, hooks, "{:?}", report.problems().first());
    assert!(report.is_clean(), "{:?}", report.problems().first());
    assert_eq!(report.exit_code(), 0);
}

/// How long the stop of a child took, from the request to the end of the teardown.
fn stop_of(hooks: u32) -> Duration {
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child", "--nocapture"])
        .env(HOOKS, hooks.to_string())
        .output()
        .expect("a child");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    let micros = said.lines().find_map(|line| line.strip_prefix("stop: "));
    Duration::from_micros(micros.and_then(|micros| micros.parse().ok()).expect("a time"))
}
