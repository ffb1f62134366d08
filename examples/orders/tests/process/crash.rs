//! `kill -9` at every phase of a stop: nothing of ours runs after that, and still what was
//! acknowledged is stored, and no order is dispatched twice.

use std::{os::unix::process::ExitStatusExt, time::Duration};

use orders::{db, store};
use rustix::process::Signal;
use sqlx::{AnyConnection, Connection};
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
    /// Not printed yet when the kill came: the phase was hit. Empty where a phase is too short to
    /// be sure.
    ends: &'static str,
    /// Printed before the phase. Then the database is locked from outside, so that the phase lasts.
    locked_from: &'static str,
}

const PHASES: [Phase; 10] = [
    phase("delaying", "delaying", "draining"),
    phase("draining", "draining", "stopping"),
    phase("before the flush", "hook before_flush starts", "flush_outbox starts"),
    Phase {
        locked_from: "hook before_flush starts",
        ..phase("at the begin of the flush", "flush_outbox starts", "flush_outbox completed")
    },
    phase("amid the flush", "flush_outbox starts", ""),
    phase("before the pool is closed", "hook before_close starts", "close_pool starts"),
    phase("as the pool is closed", "close_pool starts", ""),
    phase("before telemetry", "hook before_telemetry starts", "flush_telemetry starts"),
    phase("as telemetry is flushed", "flush_telemetry starts", ""),
    phase("after the report", "stopped cleanly", ""),
];

const fn phase(name: &'static str, begins: &'static str, ends: &'static str) -> Phase {
    Phase { name, begins, ends, locked_from: "" }
}

/// On a busy machine a kill may come late.
const ATTEMPTS: usize = 5;

#[tokio::test]
async fn killed_before_the_signal() {
    assert!(killed(None, Duration::from_millis(rng().u64(0..400))).await);
}

#[tokio::test]
async fn killed_at_every_phase_of_a_stop() {
    let mut rng = rng();
    for phase in &PHASES {
        let mut attempts = 1;
        while !killed(Some(phase), Duration::from_millis(rng.u64(0..20))).await {
            assert!(attempts < ATTEMPTS, "{}: was never hit", phase.name);
            attempts += 1;
        }
    }
}

/// Kills a service under load in `phase`, or when it runs, and looks at what is left. Whether it
/// was hit there.
async fn killed(phase: Option<&Phase>, moment: Duration) -> bool {
    let name = phase.map_or("running", |phase| phase.name);
    let dir = dir();
    // Nothing is dispatched before the flush, so that there is much to flush and time to kill it.
    let sabotage = if phase.is_some() { "stalled,linger" } else { "" };
    let delay = Duration::from_millis(300);
    let setup = Setup { sabotage, delay, ..Setup::new(&dir, None) };
    let mut service = setup.start().await;
    let load = Load::start(&service.url);
    time::sleep(Duration::from_millis(500)).await;
    let mut lock = None;
    if let Some(phase) = phase {
        service.signal(Signal::TERM);
        if !phase.locked_from.is_empty() {
            service.wait_for(phase.locked_from).await;
            lock = Some(lock_of(&setup.database).await);
        }
        service.wait_for(phase.begins).await;
    }
    if phase.is_none_or(|phase| phase.ends.is_empty()) {
        time::sleep(moment).await;
    }
    service.signal(Signal::KILL);
    let answers = load.end().await;
    let killed = service.ended().await;
    drop(lock);
    let hit = match phase.map(|phase| phase.ends) {
        Some("") => true,
        ends => killed.status.signal() == Some(9) && !ends.is_some_and(|ends| killed.printed(ends)),
    };

    let acked: Vec<_> = audit::acked(&answers).collect();
    assert!(!acked.is_empty(), "{name}: nothing was acknowledged");
    let setup = Setup { sabotage: "", delay: Duration::ZERO, ..setup };
    let service = setup.start().await;
    service.signal(Signal::TERM);
    let ended = service.ended().await;
    assert!(ended.status.success(), "{name}: {}", ended.log.join("\n"));

    let pool = db::connect(&setup.database).await.unwrap();
    assert_eq!(audit::stored(&pool, acked.iter().map(|(_, sku)| *sku)).await, [], "{name}");
    assert_eq!(
        store::waiting(&pool, 1).await.unwrap(),
        [0; 0],
        "{name}: the outbox was not flushed"
    );
    for (id, sku) in acked {
        let order = store::find(&pool, id).await.unwrap();
        let order =
            order.unwrap_or_else(|| panic!("{name}: {id}, which was acknowledged, is not stored"));
        assert_eq!((order.sku.as_str(), order.dispatched), (sku, true), "{name}");
    }
    pool.close().await;
    assert_eq!(audit::dispatched_twice(killed.log.iter().chain(&ended.log)), [], "{name}");
    hit
}

/// Nobody else writes while this lives.
async fn lock_of(database: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(database).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    connection
}
