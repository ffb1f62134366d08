//! The connection pool and the schema.

use std::{str::FromStr, time::Duration};

use sqlx::{
    AnyPool, ConnectOptions, Connection, Executor, any::AnyPoolOptions,
    sqlite::SqliteConnectOptions,
};

/// How long a connection is waited for: longer than a drain may take helps nobody.
const ACQUIRE: Duration = Duration::from_secs(20);

/// Connects and brings the schema up to date. An SQLite file is made when it is missing.
///
/// # Errors
///
/// When the database cannot be reached, or is neither SQLite nor PostgreSQL.
pub async fn connect(url: &str) -> Result<AnyPool, sqlx::Error> {
    sqlx::any::install_default_drivers();
    let options = AnyPoolOptions::new().acquire_timeout(ACQUIRE);
    let (pool, schema) = if url.starts_with("sqlite:") {
        (sqlite(options, url).await?, sqlx::migrate!("migrations/sqlite"))
    } else {
        (options.max_connections(16).connect(url).await?, sqlx::migrate!("migrations/postgres"))
    };
    schema.run(&pool).await?;
    Ok(pool)
}

/// Whether the database answers, for readiness. One whose connections are all at work does; to wait
/// for one of them would take the service away while it is busy.
///
/// # Errors
///
/// When it does not.
pub async fn check(pool: AnyPool) -> Result<(), sqlx::Error> {
    match pool.try_acquire() {
        Some(mut connection) => connection.ping().await,
        None if pool.is_closed() => Err(sqlx::Error::PoolClosed),
        None => Ok(()),
    }
}

/// WAL lets others read beside a write; `synchronous = FULL` makes a commit outlive a power cut,
/// which the acknowledgement of an order promises.
async fn sqlite(options: AnyPoolOptions, url: &str) -> Result<AnyPool, sqlx::Error> {
    let url = SqliteConnectOptions::from_str(url)?.create_if_missing(true).to_url_lossy();
    options
        // There is one writer at a time anyway: waiting for the connection is fair, for SQLite's
        // lock it is not.
        .max_connections(1)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection
                    .execute(
                        "PRAGMA busy_timeout = 15000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
                    )
                    .await?;
                Ok(())
            })
        })
        .connect(url.as_str())
        .await
}
