//! A table of SQLite as a queue.
//!
//! How a [`Source`] is written: who is handed a job has it until its lease ends, and whatever he
//! says of it afterwards counts only while the token that he was handed is still the job's. So a
//! worker that was frozen, and comes back when another has its job, changes nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lifecycle::work::{Source, SourceError};
use sqlx::{Executor, FromRow, SqlitePool};
use tokio::{sync::Notify, time::sleep};

use crate::{
    BoxError,
    db::{millis, now},
    jobs,
    queue::{Queue, Task},
};

/// How soon is seen what another process enqueues or gives back.
const POLL: Duration = Duration::from_millis(100);
/// What fails so often stays in the table, with its error, and is not handed out any more.
const ATTEMPTS: u32 = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The jobs of a database.
#[derive(Clone, Debug)]
pub struct Sqlite {
    pool: SqlitePool,
    lease: Duration,
    here: Arc<Here>,
}

/// What is known in this process alone.
#[derive(Debug, Default)]
struct Here {
    /// There may be something to hand out, or nothing will be any more.
    changed: Notify,
    is_quiet: AtomicBool,
}

/// A row, as it was handed out.
#[derive(Clone, Debug, FromRow)]
pub struct Job {
    id: i64,
    kind: String,
    key: String,
    payload: String,
    token: i64,
    failures: u32,
}

impl Sqlite {
    /// A job is left to a worker for as long as `lease`, from its receipt or its last renewal on.
    #[must_use]
    pub fn new(pool: SqlitePool, lease: Duration) -> Self {
        Self { pool, lease, here: Arc::default() }
    }

    /// One statement: no other worker comes in between.
    async fn hand_out(&self, max: usize) -> Result<Vec<Job>, sqlx::Error> {
        let hand_out = "UPDATE jobs SET leased_until = ?1 + ?2, token = token + 1
            WHERE id IN (
                SELECT id FROM jobs
                WHERE done_at IS NULL AND leased_until <= ?1 AND failures < ?3
                ORDER BY priority DESC, id LIMIT ?4
            )
            RETURNING id, kind, key, payload, token, failures";
        sqlx::query_as(hand_out)
            .bind(now())
            .bind(millis(self.lease))
            .bind(ATTEMPTS)
            .bind(i64::try_from(max).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
    }

    /// Says when another may have it: now, after a wait, or at the end of a new lease.
    async fn leave_until(
        &self,
        job: &Job,
        until: i64,
        error: Option<&str>,
    ) -> Result<(), SourceError> {
        let leave = "UPDATE jobs
            SET leased_until = ?1, failures = failures + (?2 IS NOT NULL),
                error = coalesce(?2, error)
            WHERE id = ?3 AND token = ?4 AND done_at IS NULL";
        let left = sqlx::query(leave).bind(until).bind(error).bind(job.id).bind(job.token);
        is_held(left.execute(&self.pool).await?.rows_affected())
    }
}

impl Source for Sqlite {
    type Job = Job;

    async fn receive(&self, max: usize) -> Result<Vec<Job>, SourceError> {
        loop {
            let changed = self.here.changed.notified();
            if self.here.is_quiet.load(Ordering::Acquire) {
                return Ok(Vec::new());
            }
            let jobs = self.hand_out(max).await?;
            if !jobs.is_empty() {
                return Ok(jobs);
            }
            tokio::select! {
                () = changed => {}
                () = sleep(POLL) => {}
            }
        }
    }

    async fn ack(&self, job: &Job) -> Result<(), SourceError> {
        let done = "UPDATE jobs SET done_at = ? WHERE id = ? AND token = ? AND done_at IS NULL";
        let done = sqlx::query(done).bind(now()).bind(job.id).bind(job.token);
        is_held(done.execute(&self.pool).await?.rows_affected())
    }

    async fn give_back(&self, job: Job) -> Result<(), SourceError> {
        self.leave_until(&job, 0, None).await?;
        self.here.changed.notify_waiters();
        Ok(())
    }

    async fn renew(&self, job: &Job) -> Result<(), SourceError> {
        self.leave_until(job, now() + millis(self.lease), None).await
    }

    /// After a wait that doubles with each failure.
    async fn fail(&self, job: Job, error: &str) -> Result<(), SourceError> {
        let wait = Duration::from_secs(1 << job.failures.min(10)).min(LONGEST_WAIT);
        self.leave_until(&job, now() + millis(wait), Some(error)).await
    }

    async fn quiet(&self) -> Result<(), SourceError> {
        self.here.is_quiet.store(true, Ordering::Release);
        self.here.changed.notify_waiters();
        Ok(())
    }

    fn class<'job>(&self, job: &'job Job) -> &'job str {
        &job.kind
    }

    fn id(&self, job: &Job) -> String {
        job.key.clone()
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }
}

impl Queue for Sqlite {
    type Source = Self;

    fn source(&self) -> Self {
        self.clone()
    }

    /// All of them or none, in the one commit that is synced to the disk: whoever enqueues may
    /// forget what was accepted.
    async fn enqueue(&self, tasks: &[Task]) -> Result<(), BoxError> {
        let mut connection = self.pool.acquire().await?;
        connection.execute("PRAGMA synchronous = FULL").await?;
        let mut transaction = sqlx::Connection::begin(&mut *connection).await?;
        for task in tasks {
            let enqueue = "INSERT INTO jobs (kind, key, payload, priority) VALUES (?, ?, ?, ?)
                ON CONFLICT (key) DO NOTHING";
            sqlx::query(enqueue)
                .bind(&task.kind)
                .bind(&task.key)
                .bind(task.payload.to_string())
                .bind(jobs::priority(&task.kind))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        connection.execute("PRAGMA synchronous = NORMAL").await?;
        drop(connection);
        self.here.changed.notify_waiters();
        Ok(())
    }

    fn task(job: &Job) -> Result<Task, BoxError> {
        let payload = serde_json::from_str(&job.payload)?;
        Ok(Task { kind: job.kind.clone(), key: job.key.clone(), payload })
    }
}

fn is_held(rows: u64) -> Result<(), SourceError> {
    if rows > 0 { Ok(()) } else { Err("another worker has it by now: its lease had ended".into()) }
}
