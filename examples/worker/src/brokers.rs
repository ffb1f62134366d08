//! The queue that `WORKER_QUEUE` names.

use std::future::Future;

use sqlx::SqlitePool;

use crate::{BoxError, config::Config, queue::Queue, sqlite::Sqlite};

/// What is done with a queue, whichever it is.
pub trait Use {
    /// Does it.
    fn with<Q: Queue>(self, queue: Q) -> impl Future<Output = Result<(), BoxError>>;
}

/// Opens the queue and uses it.
///
/// # Errors
///
/// When it cannot be reached, or this program was built without it; and those of what is done with
/// it.
pub async fn open(config: &Config, pool: &SqlitePool, then: impl Use) -> Result<(), BoxError> {
    let Some(url) = &config.queue else {
        return then.with(Sqlite::new(pool.clone(), config.lease)).await;
    };
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let feature = match scheme {
        "postgres" | "postgresql" => "postgres",
        "redis" => "redis",
        "amqp" => "rabbitmq",
        "nats" => "nats",
        _ => {
            let error =
                "write postgres://…, redis://…, amqp://… or nats://…, or nothing for SQLite";
            return Err(format!("WORKER_QUEUE={url}: {error}").into());
        }
    };
    let error = format!("this program was built without it: cargo build --features {feature}");
    Err(format!("WORKER_QUEUE={url}: {error}").into())
}
