//! The kinds of jobs: what each does, and what becomes of one that runs when a stop is asked for.

use std::time::Duration;

use lifecycle::work::{Class, Consumer, consumer};
use sqlx::SqlitePool;
use tokio::time::sleep;
use tracing::info;

use crate::{BoxError, db, queue::Task};

/// What is done stays in the table of jobs for a day.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// One of each policy.
pub const CLASSES: &[Class] = &[
    // Money: what was begun is finished, and is given back last when time is short.
    Class::new("invoice").finish().priority(10),
    Class::new("restart").finish().priority(10),
    // Worth two seconds more; another worker begins anew.
    Class::new("report").requeue_after(Duration::from_secs(2)),
    // Soon done elsewhere: another worker has it at once.
    Class::new("thumbnail").requeue(),
    // Nobody misses it before the scheduler's next.
    Class::new("sweep").abandon().priority(-10),
];

/// The classes' names.
pub const KINDS: [&str; 5] = ["invoice", "restart", "report", "thumbnail", "sweep"];

/// Works on all of them.
pub static WORKER: Consumer = consumer("jobs").classes(CLASSES);
// The plan knows of it, and `LIFECYCLE_PLAN=check` counts the time that a class has.
lifecycle::work::declare!(WORKER);

/// Jobs of a higher priority are handed out first.
#[must_use]
pub fn priority(kind: &str) -> i64 {
    match kind {
        "invoice" | "restart" => 10,
        "sweep" => -10,
        _ => 0,
    }
}

/// Does it. What takes its time is played; what it leaves behind is real, and is there once however
/// often the job is delivered.
///
/// # Errors
///
/// When the database fails, or nobody knows how to do such a thing.
pub async fn work(pool: &SqlitePool, task: &Task) -> Result<(), BoxError> {
    info!("{} {} begins", task.kind, task.key);
    let millis = task.payload["work_ms"].as_u64().unwrap_or(10);
    match task.kind.as_str() {
        "invoice" | "report" | "thumbnail" => sleep(Duration::from_millis(millis)).await,
        "sweep" => {
            sleep(Duration::from_millis(millis)).await;
            db::sweep(pool, KEPT).await?;
        }
        // Its own job is acknowledged before the process goes.
        "restart" => lifecycle::shutdown("a job asked for it"),
        other => return Err(format!("nobody knows how to do a `{other}`").into()),
    }
    Ok(db::take_effect(pool, task).await?)
}
