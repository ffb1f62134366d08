//! A stop with many hooks, run for real: each in a process of its own, as a process has one lifecycle.
//!
//! ```sh
//! cargo test --release -p lifecycle-core --test many_hooks -- --ignored --nocapture figures
//! ```

use std::{
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use lifecycle_core::{Config, Outcome, Report};

/// How many hooks the stop of a child has; the tests start them.
const HOOKS: &str = "MANY_HOOKS";

/// So many hooks that return at once, and all of them within their time.
#[test]
fn fifteen_thousand_hooks_that_return_at_once_are_neither_stuck_nor_late() {
    let took = stop_of(15_000).took;
    // Beside other tests, and not optimized.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });
    assert!(took < limit, "it took {took:.1?}");
}

#[test]
#[ignore = "it measures: release, and nothing beside it"]
fn figures() {
    let mut before: Option<Duration> = None;
    for hooks in [1_000_u32, 10_000, 100_000] {
        let stops: Vec<_> = (0..3).map(|_| stop_of(hooks)).collect();
        let took = stops.iter().map(|stop| stop.took).min().expect("three stops");
        let cpu = stops.iter().map(|stop| stop.cpu).min().expect("three stops");
        println!("{hooks:>7} hooks: {took:>9.1?}, {:>7.1?} of processor each", cpu / hooks);
        if let Some(before) = before {
            // Of the processor, as other work on the machine costs time.
            let growth = cpu.as_secs_f64() / before.as_secs_f64();
            assert!(growth < 25.0, "ten times the hooks cost {growth:.1} times as much");
        }
        before = Some(cpu);
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
    let began = Arc::new(OnceLock::new());
    let asked = Arc::clone(&began);
    let main = async move {
        let _ = asked.set(processor_time());
        lifecycle_core::shutdown("over");
    };
    let config = Config::new().grace_period(Duration::from_secs(3_600));
    let report = runtime.block_on(async { config.run(main).await });
    let cpu = processor_time() - began.get().copied().unwrap_or_default();
    check(&report, hooks);
    println!("stop: {} {}", report.total().as_micros(), cpu.as_micros());
}

/// What the threads of this process have used, where the system tells.
fn processor_time() -> Duration {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let used = threads.flatten().filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(used.sum())
}

fn check(report: &Report, hooks: usize) {
    let completed =
        report.hooks().iter().filter(|hook| *hook.outcome() == Outcome::Completed).count();
    assert_eq!(completed, hooks, "{:?}", report.problems().first());
    assert!(report.is_clean(), "{:?}", report.problems().first());
    assert_eq!(report.exit_code(), 0);
}

struct Stop {
    /// From the request to the end of the teardown.
    took: Duration,
    /// Until the report was handed over.
    cpu: Duration,
}

fn stop_of(hooks: u32) -> Stop {
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child", "--nocapture"])
        .env(HOOKS, hooks.to_string())
        .output()
        .expect("a child");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    let stop = said.lines().find_map(|line| line.strip_prefix("stop: ")).expect("its figures");
    let mut micros = stop.split(' ').map(|micros| micros.parse().expect("a number"));
    let mut next = || Duration::from_micros(micros.next().expect("two figures"));
    Stop { took: next(), cpu: next() }
}
