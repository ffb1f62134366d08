//! `kill -9` at every phase of a stop: nothing of ours runs after that, and still what was acknowledged is
//! stored, and no order is dispatched twice.

use std::{os::unix::process::ExitStatusExt, time::Duration};

use orders::{db, store};
use rustix::process::Signal;
use tokio::time;

use crate::{
    audit,
    clients::Load,
    load::rng,
    service::{Setup, dir},
};

/// A phase, by the line that the service prints when it begins, and the line that ends it.
struct Phase {
    name: &'static str,
    begins: &'static str,
    /// Not printed yet when the kill came: the phase was hit. Empty where a phase is too short to be sure.
    ends: &'static str,
}

const PHASES: [Phase; 9] = [
    Phase { name: "delaying", begins: "delaying", ends: "draining" },
    Phase { name: "draining", begins: "draining", ends: "stopping" },
    Phase {
        name: "before the outbox is flushed",
        begins: "hook before_flush starts",
        ends: "hook orders::hooks::flush_outbox starts",
    },
    Phase {
        name: "while the outbox is flushed",
        begins: "hook orders::hooks::flush_outbox starts",
        ends: "hook orders::hooks::flush_outbox completed",
    },
    Phase {
        name: "before the pool is closed",
        begins: "hook before_close starts",
        ends: "hook orders::hooks::close_pool starts",
    },
    Phase { name: "while the pool is closed", begins: "hook orders::hooks::close_pool starts", ends: "" },
    Phase {
        name: "before telemetry is flushed",
        begins: "hook before_telemetry starts",
        ends: "hook orders::hooks::flush_telemetry starts",
    },
    Phase {
        name: "while telemetry is flushed",
        begins: "hook orders::hooks::flush_telemetry starts",
        ends: "",
    },
    Phase { name: "after the report", begins: "stopped cleanly", ends: "" },
];

#[tokio::test]
async fn killed_before_the_signal() {
    killed(None, Duration::from_millis(rng().u64(0..400))).await;
}

#[tokio::test]
async fn killed_at_every_phase_of_a_stop() {
    for phase in &PHASES {
        killed(Some(phase), Duration::ZERO).await;
    }
}

async fn killed(phase: Option<&Phase>, moment: Duration) {
    let name = phase.map_or("running", |phase| phase.name);
    let dir = dir();
    // Nothing is dispatched before the flush, so that there is much to flush and time to kill it.
    let sabotage = if phase.is_some() { "stalled,linger" } else { "" };
    let delay = Duration::from_millis(300);
    let setup = Setup { sabotage, delay, ..Setup::new(&dir, None) };
    let mut service = setup.start().await;
    let load = Load::start(&service.url);
    time::sleep(Duration::from_millis(500) + moment).await;
    if let Some(phase) = phase {
        service.signal(Signal::TERM);
        service.wait_for(phase.begins).await;
    }
    service.signal(Signal::KILL);
    let answers = load.end().await;
    let killed = service.ended().await;
    if phase.is_none_or(|phase| !phase.ends.is_empty()) {
        assert_eq!(killed.status.signal(), Some(9), "{name}: {}", killed.log.join("\n"));
    }
    if let Some(phase) = phase.filter(|phase| !phase.ends.is_empty()) {
        assert!(!killed.printed(phase.ends), "{name}: the kill came late\n{}", killed.log.join("\n"));
    }

    let acked: Vec<_> = audit::acked(&answers).collect();
    assert!(!acked.is_empty(), "{name}: nothing was acknowledged");
    let setup = Setup { sabotage: "", delay: Duration::ZERO, ..setup };
    let service = setup.start().await;
    service.signal(Signal::TERM);
    let ended = service.ended().await;
    assert!(ended.status.success(), "{name}: {}", ended.log.join("\n"));

    let pool = db::connect(&setup.database).await.unwrap();
    assert_eq!(audit::stored(&pool, acked.iter().map(|(_, sku)| *sku)).await, [], "{name}");
    assert_eq!(store::waiting(&pool, 1).await.unwrap(), [0; 0], "{name}: the outbox was not flushed");
    for (id, sku) in acked {
        let order = store::find(&pool, id).await.unwrap();
        let order = order.unwrap_or_else(|| panic!("{name}: {id}, which was acknowledged, is not stored"));
        assert_eq!((order.sku.as_str(), order.dispatched), (sku, true), "{name}");
    }
    pool.close().await;
    assert_eq!(audit::dispatched_twice(killed.log.iter().chain(&ended.log)), [], "{name}");
}
