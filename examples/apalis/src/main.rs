//! A worker of apalis whose stop is the lifecycle's: see the README.
//!
//! `apalis-worker FILE enqueue COUNT MILLIS` adds jobs, `apalis-worker FILE work` works on them.

use std::time::Duration;

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteConnectOptions, SqlitePool, SqliteStorage};
use lifecycle::{on_shutdown, tracked};
use serde::{Deserialize, Serialize};

/// Something to do.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Mail {
    number: u32,
    millis: u64,
}

/// What the jobs of a worker that is gone are known by: no sign of life for two of these. With the
/// 30 s of the default, what a stop has stranded waits for a minute.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// In flight until it has returned, whoever polls it. A call that apalis begins is never refused:
/// it would count the refusal as a failed attempt. What is still running 3 s into the drain is cut
/// and returns the error, so that apalis writes down that it failed and the next worker has it at
/// once; apalis itself would drop it and leave it `Running`.
#[tracked(admit = always, drain = cancel_after("3s"))]
async fn send(mail: Mail) -> Result<(), BoxDynError> {
    println!("begins {}", mail.number);
    tokio::time::sleep(Duration::from_millis(mail.millis)).await;
    println!("sent {}", mail.number);
    Ok(())
}

/// After the monitor: main has returned, and dropped its clone of the storage.
#[on_shutdown(timeout = "1s")]
async fn close_database(pool: SqlitePool) {
    pool.close().await;
}

#[lifecycle::main]
async fn main() -> Result<(), BoxDynError> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let usage = "write: apalis-worker FILE work, or FILE enqueue COUNT MILLIS";
    let (file, command) = args.split_first().ok_or(usage)?;
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await?;
    lifecycle::provide(pool.clone());
    SqliteStorage::setup(&pool).await?;
    let config = Config::default().queue("mail").batch_size(4).heartbeat_interval(HEARTBEAT);
    let storage = SqliteStorage::new(&pool).with_config(config);
    match command {
        [work] if work == "work" => run(storage).await,
        [enqueue, count, millis] if enqueue == "enqueue" => {
            push(storage, count.parse()?, millis.parse()?).await
        }
        _ => Err(usage.into()),
    }
}

async fn push(
    mut storage: SqliteStorage<Mail>,
    count: u32,
    millis: u64,
) -> Result<(), BoxDynError> {
    for number in 0..count {
        storage.push(Mail { number, millis }).await?;
    }
    Ok(())
}

/// Until a stop is asked for and every job that has begun has ended.
async fn run(storage: SqliteStorage<Mail>) -> Result<(), BoxDynError> {
    // A name that was alive a moment ago is refused, and a container is started again at once.
    let name = format!("mail-{}-{}", std::process::id(), started());
    let monitor = Monitor::new().register(move |_| {
        WorkerBuilder::new(name.as_str())
            .backend(storage.clone())
            .concurrency(8)
            .build(|mail: Mail| send(mail))
    });
    println!("up");
    // Not `ctrl_c`, which is deaf to SIGTERM; and no `shutdown_timeout`, which drops what runs.
    monitor
        .run_with_signal(async {
            lifecycle::requested().await;
            Ok(())
        })
        .await?;
    Ok(())
}

/// Process ids come again, in containers at each start.
fn started() -> u128 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}
