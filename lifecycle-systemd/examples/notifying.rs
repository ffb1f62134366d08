//! A service for `tests/notify.rs`: the first argument says how it behaves.

use std::{env, thread, time::Duration};

use lifecycle_core::{Config, Report, Site};
use lifecycle_systemd as _;

static WORK: Site = Site::new("work");

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn main() -> Report {
    let case = env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let grace = if case == "extended" || case == "stuck" { ms(1_500) } else { ms(6_000) };
    let config = Config::new().grace_period(grace).extend_up_to(ms(8_000)).hook_timeout(ms(3_000));
    let report = runtime.block_on(config.run(service(case.clone())));
    if case == "lives-on" {
        runtime.block_on(async { tokio::time::sleep(ms(1_200)).await });
    }
    report
}

async fn service(case: String) {
    match &*case {
        "blocks" => {
            let blocks = || async { thread::sleep(ms(1_000)) };
            lifecycle_core::hook("blocks").register(blocks).expect("a hook");
        }
        "extended" => {
            for n in 0..5 {
                let hook = lifecycle_core::hook(format!("part-{n}")).order(n);
                hook.register(|| tokio::time::sleep(ms(600))).expect("a hook");
            }
        }
        "stuck" => {
            let hook = lifecycle_core::hook("stuck").timeout(ms(6_000));
            hook.register(|| tokio::time::sleep(ms(60_000))).expect("a hook");
        }
        _ => {
            lifecycle_core::hook("flush").register(|| tokio::time::sleep(ms(300))).expect("a hook");
        }
    }
    let hold = lifecycle_core::hold_ready("migrations");
    let draining = lifecycle_core::draining();
    tokio::time::sleep(if case == "normal" { ms(1_500) } else { ms(400) }).await;
    drop(hold);
    if case == "hangs" {
        tokio::time::sleep(ms(300)).await;
        thread::sleep(ms(30_000));
    }
    if case == "children" {
        let child = env::current_exe().expect("itself");
        let mut child = std::process::Command::new(child);
        let child = child.arg("child").env("SYSTEMD_EXEC_PID", std::process::id().to_string());
        child.spawn().and_then(|mut child| child.wait()).expect("a child");
        return;
    }
    if case == "child" {
        return;
    }
    if case == "extended" || case == "stuck" {
        return draining.await;
    }
    tokio::spawn(WORK.track(async {
        lifecycle_core::ext::Handle::current().reached(lifecycle_core::State::Draining).await;
        tokio::time::sleep(ms(700)).await;
    }));
    draining.await;
}
