//! A table of PostgreSQL as a queue, by `FOR UPDATE SKIP LOCKED`; feature `postgres`.
//!
//! A job is leased by an `UPDATE` that is committed at once: no transaction and no connection is held
//! while it is worked on. Each lease has a number. What a worker says about a job whose lease ran out
//! and was taken by another changes nothing, and is an error.
//!
//! **At a stop.** A fetch that is under way is waited for, as its jobs are leased already; one that
//! waits for a job, or for a connection of the pool, ends at once. A job that is given back is free
//! when the call returns, keeps its place, and a `NOTIFY` wakes a worker that waits. That counts as no
//! attempt. A job that is neither acknowledged nor given back, as after `kill -9`, is free when its
//! lease has run out, and that counts as one.
//!
//! The queue listens on a connection that is not of the pool, so that the pool can be closed while it
//! does. Where it cannot listen (as behind a PgBouncer that pools transactions), it only polls.

use std::{sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, PgConnection, PgExecutor, PgPool, Postgres, Row,
    pool::PoolConnection,
    postgres::{PgArguments, PgListener, PgPoolOptions, PgRow},
    query::Query,
};
use tokio::{
    sync::{Notify, OnceCell, watch},
    task::AbortHandle,
    time,
};

use crate::{QueueError, Source, SourceError};

/// A table of jobs.
///
/// ```no_run
/// # async fn queue(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// use lifecycle_work::postgres::Queue;
///
/// let queue = Queue::new(pool, "jobs");
/// queue.create_table().await?;
/// queue.enqueue("mail", r#"{"to": "a@example.org"}"#).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Queue {
    pool: PgPool,
    table: Arc<str>,
    statements: Statements,
    lease: Duration,
    poll_every: Duration,
    retry_after: Duration,
    attempts: i32,
    quiet: watch::Sender<bool>,
    listener: OnceCell<Listener>,
}

/// A job, and the lease under which this worker has it.
#[derive(Clone, Debug)]
pub struct Job {
    /// The key of its row.
    pub id: i64,
    /// What kind of job it is, which is its class as well.
    pub kind: Arc<str>,
    /// What was enqueued.
    pub payload: Arc<[u8]>,
    /// How many attempts before this one failed, or ended with their process.
    pub attempts: u32,
    lease: i64,
}

impl Queue {
    /// The queue in this table, which [`create_table`](Self::create_table) makes. A name with a dot
    /// names the schema as well. Neither connects nor looks whether the table is there.
    pub fn new(pool: PgPool, table: &str) -> Self {
        Self {
            pool,
            table: table.into(),
            statements: Statements::of(table),
            lease: Duration::from_secs(30),
            poll_every: Duration::from_secs(1),
            retry_after: Duration::from_secs(30),
            attempts: i32::MAX,
            quiet: watch::Sender::new(false),
            listener: OnceCell::new(),
        }
    }

    /// How long a job is a worker's alone before it has to renew its lease: 30 s where nothing is said.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How often the table is looked at where nobody notifies, as for a job whose lease ran out or
    /// whose time has come: every second where nothing is said.
    #[must_use]
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.poll_every = interval;
        self
    }

    /// How long a job that failed waits for its next attempt: 30 s where nothing is said.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = wait;
        self
    }

    /// How many attempts a job has: without end where nothing is said. One that has had them stays in
    /// the table, with its last error, and no worker gets it.
    #[must_use]
    pub fn attempts(mut self, limit: u32) -> Self {
        self.attempts = limit.try_into().unwrap_or(i32::MAX);
        self
    }

    /// Makes the table and its index, where they are not there. Safe to call from many processes.
    ///
    /// # Errors
    /// When the server cannot be reached, or this user may not make a table.
    pub async fn create_table(&self) -> Result<(), QueueError> {
        let made = sqlx::raw_sql(AssertSqlSafe(Arc::clone(&self.statements.create)));
        made.execute(&self.pool).await.map_err(|error| self.failed("be made", error))?;
        Ok(())
    }

    /// Puts a job into the queue, and returns its key. When it returns, the job is committed and a
    /// worker that waits is woken.
    ///
    /// Dropped before, the job may have been committed or not.
    ///
    /// # Errors
    /// When the server cannot be reached, or there is no such table.
    pub async fn enqueue(&self, kind: &str, payload: impl AsRef<[u8]>) -> Result<i64, QueueError> {
        self.enqueue_in(&self.pool, kind, payload).await
    }

    /// The same inside of a transaction: workers see the job, and are woken, when it is committed.
    ///
    /// ```no_run
    /// # async fn order(pool: sqlx::PgPool, queue: lifecycle_work::postgres::Queue)
    /// #     -> Result<(), Box<dyn std::error::Error>> {
    /// let mut transaction = pool.begin().await?;
    /// sqlx::query("UPDATE orders SET paid = true WHERE id = 1").execute(&mut *transaction).await?;
    /// queue.enqueue_in(&mut *transaction, "receipt", "1").await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    pub async fn enqueue_in(
        &self,
        executor: impl PgExecutor<'_>,
        kind: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<i64, QueueError> {
        let insert = statement(&self.statements.enqueue);
        let insert = insert.bind(kind).bind(payload.as_ref()).bind(channel(&self.table));
        let row = insert.fetch_one(executor).await.and_then(|row| row.try_get(0));
        row.map_err(|error| self.failed("take a job", error))
    }

    /// A connection of the pool; none where a stop was asked for meanwhile.
    async fn connection(&self) -> Result<Option<PoolConnection<Postgres>>, sqlx::Error> {
        tokio::select! {
            biased;
            () = self.until_quiet() => Ok(None),
            connection = self.pool.acquire() => connection.map(Some),
        }
    }

    async fn fetch(
        &self,
        connection: &mut PgConnection,
        max: usize,
    ) -> Result<Vec<Job>, sqlx::Error> {
        let fetch = statement(&self.statements.fetch)
            .bind(i64::try_from(max).unwrap_or(i64::MAX))
            .bind(self.lease.as_secs_f64())
            .bind(self.attempts);
        fetch.fetch_all(connection).await?.iter().map(Job::from_row).collect()
    }

    /// Waits for what may bring a job: a notification, a while, or a stop.
    async fn until_woken(&self) {
        let listener = self.listener.get_or_init(async || self.listen()).await;
        tokio::select! {
            () = listener.woken.notified() => {}
            () = time::sleep(self.poll_every) => {}
            () = self.until_quiet() => {}
        }
    }

    fn listen(&self) -> Listener {
        let woken = Arc::new(Notify::new());
        let (pool, channel) = (self.pool.clone(), channel(&self.table).to_owned());
        let (mut quiet, poll_every) = (self.quiet.subscribe(), self.poll_every);
        let task = tokio::spawn({
            let woken = Arc::clone(&woken);
            async move {
                tokio::select! {
                    _ = quiet.wait_for(|is_quiet| *is_quiet) => {}
                    () = wake(&woken, &pool, &channel, poll_every) => {}
                }
            }
        });
        Listener { woken, task: task.abort_handle() }
    }

    async fn until_quiet(&self) {
        // The sender is of `self`.
        let _ = self.quiet.subscribe().wait_for(|is_quiet| *is_quiet).await;
    }

    /// Changes the row of a job, if the lease is still this worker's.
    async fn change(
        &self,
        job: &Job,
        verb: &str,
        change: Query<'_, Postgres, PgArguments>,
    ) -> Result<(), SourceError> {
        let changed = change.execute(&self.pool).await;
        let changed =
            changed.map_err(|error| self.failed(&format!("{verb} job {}", job.id), error))?;
        if changed.rows_affected() == 0 {
            let (queue, job) = (self.table.to_string(), job.id.to_string());
            return Err(QueueError::LeaseLost { queue, job }.into());
        }
        Ok(())
    }

    fn failed(&self, verb: &str, error: sqlx::Error) -> QueueError {
        let code = error.as_database_error().and_then(|error| error.code());
        let advice = match (&error, code.as_deref()) {
            (_, Some("42P01" | "42703")) => "`Queue::create_table` makes the table",
            (_, Some("42501")) => "Grant this user SELECT, INSERT, UPDATE and DELETE on the table",
            (sqlx::Error::PoolTimedOut, _) => {
                "Give the pool more connections, or look what holds them"
            }
            (sqlx::Error::PoolClosed, _) => "Close the pool after the consumer has ended",
            _ => "Look whether the server is up; a job under a lease is free when that has run out",
        };
        let (queue, verb) = (self.table.to_string(), verb.to_owned());
        QueueError::Broker { queue, verb, advice, source: error.into() }
    }
}

impl Source for Queue {
    type Job = Job;

    async fn receive(&self, max: usize) -> Result<Vec<Job>, SourceError> {
        let failed = |error| self.failed("be read", error);
        let Some(mut connection) = self.connection().await.map_err(failed)? else {
            return Ok(Vec::new());
        };
        let jobs = self.fetch(&mut connection, max).await.map_err(failed)?;
        drop(connection);
        if jobs.is_empty() {
            // And not fetched then: who counts the lease from this call on would find it short.
            self.until_woken().await;
        }
        Ok(jobs)
    }

    async fn ack(&self, job: &Job) -> Result<(), SourceError> {
        self.change(job, "acknowledge", job.bind(&self.statements.ack)).await
    }

    async fn give_back(&self, job: Job) -> Result<(), SourceError> {
        let back = job.bind(&self.statements.give_back).bind(channel(&self.table));
        self.change(&job, "take back", back).await
    }

    async fn renew(&self, job: &Job) -> Result<(), SourceError> {
        let renewal = job.bind(&self.statements.renew).bind(self.lease.as_secs_f64());
        self.change(job, "renew the lease of", renewal).await
    }

    async fn fail(&self, job: Job, error: &str) -> Result<(), SourceError> {
        let failure = job.bind(&self.statements.fail).bind(self.retry_after.as_secs_f64());
        self.change(&job, "note the failure of", failure.bind(error)).await
    }

    async fn quiet(&self) -> Result<(), SourceError> {
        self.quiet.send_replace(true);
        Ok(())
    }

    fn class<'job>(&self, job: &'job Job) -> &'job str {
        &job.kind
    }

    fn id(&self, job: &Job) -> String {
        job.id.to_string()
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }
}

impl Job {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get::<&str, _>("kind")?.into(),
            payload: row.try_get::<&[u8], _>("payload")?.into(),
            attempts: row.try_get::<i32, _>("attempts")?.try_into().unwrap_or(0),
            lease: row.try_get("lease")?,
        })
    }

    /// A statement about this job and this lease, which are its first parameters.
    fn bind(&self, sql: &Arc<str>) -> Query<'static, Postgres, PgArguments> {
        statement(sql).bind(self.id).bind(self.lease)
    }
}

/// A task that wakes who waits for a job.
#[derive(Debug)]
struct Listener {
    woken: Arc<Notify>,
    task: AbortHandle,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Notifies `woken` at each notification, and when one may have been missed.
///
/// In a task of its own, as a server whose notifications nobody reads keeps them all.
async fn wake(woken: &Notify, pool: &PgPool, channel: &str, retry_after: Duration) {
    let options = (*pool.connect_options()).clone();
    // A pool is what a `PgListener` takes its connection from. Of the application's it would hold the
    // only one where that has one, and closing it would wait.
    let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    loop {
        if let Ok(mut listener) = PgListener::connect_with(&own).await
            && listener.listen(channel).await.is_ok()
        {
            woken.notify_one();
            while listener.try_recv().await.is_ok() {
                woken.notify_one();
            }
        }
        time::sleep(retry_after).await;
    }
}

fn statement(sql: &Arc<str>) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(AssertSqlSafe(Arc::clone(sql)))
}

/// PostgreSQL takes 63 bytes at most. Queues that share a channel wake each other for nothing.
fn channel(table: &str) -> &str {
    &table[..table.floor_char_boundary(63)]
}

#[derive(Debug)]
struct Statements {
    create: Arc<str>,
    enqueue: Arc<str>,
    fetch: Arc<str>,
    ack: Arc<str>,
    give_back: Arc<str>,
    renew: Arc<str>,
    fail: Arc<str>,
}

impl Statements {
    fn of(name: &str) -> Self {
        let table = quoted(name);
        let index =
            quoted(&format!("{}_due", name.rsplit('.').next().unwrap_or(name)).replace('.', "_"));
        // Whose lease it is. A lease that ran out and that nobody took is as good as before.
        let is_ours = "id = $1 AND lease = $2 AND leased_until IS NOT NULL";
        Self {
            // Two that make one table at once would collide in the catalogue.
            create: format!(
                "SELECT pg_advisory_xact_lock(hashtext('lifecycle_work'));
                 CREATE TABLE IF NOT EXISTS {table} (
                    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                    kind text NOT NULL,
                    payload bytea NOT NULL,
                    attempts integer NOT NULL DEFAULT 0,
                    due_at timestamptz NOT NULL DEFAULT now(),
                    lease bigint NOT NULL DEFAULT 0,
                    leased_until timestamptz,
                    last_error text
                 );
                 CREATE INDEX IF NOT EXISTS {index} ON {table} (due_at, id)"
            )
            .into(),
            enqueue: format!(
                "WITH job AS (INSERT INTO {table} (kind, payload) VALUES ($1, $2) RETURNING id)
                 SELECT id, pg_notify($3, '') FROM job"
            )
            .into(),
            // A job whose lease ran out has had an attempt, which ended with its process.
            fetch: format!(
                "WITH free AS MATERIALIZED (
                    SELECT id FROM {table}
                    WHERE due_at <= now() AND (leased_until IS NULL OR leased_until <= now())
                    AND attempts + (leased_until IS NOT NULL)::integer < $3
                    ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
                 )
                 UPDATE {table} AS job
                 SET attempts = attempts + (leased_until IS NOT NULL)::integer,
                    lease = lease + 1, leased_until = now() + make_interval(secs => $2)
                 FROM free WHERE job.id = free.id
                 RETURNING job.id, kind, payload, attempts, lease"
            )
            .into(),
            ack: format!("DELETE FROM {table} WHERE {is_ours}").into(),
            give_back: format!(
                "WITH back AS (UPDATE {table} SET leased_until = NULL WHERE {is_ours} RETURNING id)
                 SELECT pg_notify($3, '') FROM back"
            )
            .into(),
            renew: format!(
                "UPDATE {table} SET leased_until = now() + make_interval(secs => $3) WHERE {is_ours}"
            )
            .into(),
            fail: format!(
                "UPDATE {table}
                 SET attempts = attempts + 1, due_at = now() + make_interval(secs => $3),
                    leased_until = NULL, last_error = $4
                 WHERE {is_ours}"
            )
            .into(),
        }
    }
}

/// A name as an identifier, each part of it for itself.
fn quoted(name: &str) -> String {
    let parts = name.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
    parts.collect::<Vec<_>>().join(".")
}
