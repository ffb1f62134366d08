//! The queue that `WORKER_QUEUE` names.

#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
#[cfg(feature = "redis")]
mod redis;

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
    match scheme {
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => then.with(postgres::open(url, config).await?).await,
        #[cfg(not(feature = "postgres"))]
        "postgres" | "postgresql" => Err(is_missing(url, "postgres")),
        #[cfg(feature = "redis")]
        "redis" => then.with(redis::open(url, config)?).await,
        #[cfg(not(feature = "redis"))]
        "redis" => Err(is_missing(url, "redis")),
        #[cfg(feature = "rabbitmq")]
        "amqp" => then.with(rabbitmq::open(url, config).await?).await,
        #[cfg(not(feature = "rabbitmq"))]
        "amqp" => Err(is_missing(url, "rabbitmq")),
        #[cfg(feature = "nats")]
        "nats" => then.with(nats::open(url, config).await?).await,
        #[cfg(not(feature = "nats"))]
        "nats" => Err(is_missing(url, "nats")),
        _ => {
            let error =
                "write postgres://…, redis://…, amqp://… or nats://…, or nothing for SQLite";
            Err(format!("WORKER_QUEUE={url}: {error}").into())
        }
    }
}

#[cfg(not(all(feature = "nats", feature = "postgres", feature = "rabbitmq", feature = "redis")))]
fn is_missing(url: &str, feature: &str) -> BoxError {
    let error = format!("this program was built without it: cargo build --features {feature}");
    format!("WORKER_QUEUE={url}: {error}").into()
}

/// What the queues of brokers are called.
#[cfg(any(feature = "nats", feature = "postgres", feature = "rabbitmq", feature = "redis"))]
const QUEUE: &str = "jobs";
