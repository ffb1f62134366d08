//! The database: its schema, and what was done.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lifecycle::on_shutdown;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::queue::Task;

/// Opens the file, which is made when it is missing, and brings the schema up to date.
///
/// What is committed outlives `kill -9`. To outlive a power cut costs a sync of the disk, and only
/// who was told "accepted" needs that (see [`enqueue`](crate::queue::Queue::enqueue)): what was
/// done and is forgotten is done again, as its effect was forgotten with it.
///
/// # Errors
///
/// When it is no database of SQLite, or cannot be written to.
pub async fn connect(path: impl AsRef<Path> + Send) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(15));
    // There is one writer at a time anyway: waiting for the connection is fair, for SQLite's lock
    // it is not.
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    sqlx::migrate!().run(&pool).await?;
    Ok(pool)
}

/// Does what the task is for, unless it was done already. Dropped half-way, nothing was done.
///
/// # Errors
///
/// When the database fails; then nothing was done, either.
pub async fn take_effect(pool: &SqlitePool, task: &Task) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let noted = sqlx::query("INSERT INTO effects (key, kind) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(&task.key)
        .bind(&task.kind)
        .execute(&mut *transaction)
        .await?;
    if noted.rows_affected() > 0 {
        let count = "INSERT INTO totals (kind, count) VALUES (?, 1)
            ON CONFLICT DO UPDATE SET count = count + 1";
        sqlx::query(count).bind(&task.kind).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// How often each kind has taken effect.
///
/// # Errors
///
/// When the database fails.
pub async fn totals(pool: &SqlitePool) -> Result<Vec<(String, i64)>, sqlx::Error> {
    sqlx::query_as("SELECT kind, count FROM totals ORDER BY kind").fetch_all(pool).await
}

/// Forgets the jobs that were done so long ago.
///
/// # Errors
///
/// When the database fails.
pub async fn sweep(pool: &SqlitePool, done: Duration) -> Result<(), sqlx::Error> {
    let before = now() - millis(done);
    sqlx::query("DELETE FROM jobs WHERE done_at < ?").bind(before).execute(pool).await?;
    Ok(())
}

/// Takes the database, so it runs after all who borrow it.
#[on_shutdown(timeout = "1s")]
pub async fn close_database(pool: SqlitePool) {
    pool.close().await;
}

pub(crate) fn now() -> i64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
