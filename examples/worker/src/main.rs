//! The worker: see the library of this package, and its README.

use sqlx::SqlitePool;
use tokio::net::TcpListener;
use tracing::info;
use worker::{
    BoxError,
    brokers::{self, Use},
    config::Config,
    db,
    http::{self, Service},
    jobs::{self, WORKER},
    queue::Queue,
    scheduler,
};

#[lifecycle::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let config = Config::from_env()?;
    let pool = db::connect(&config.db)
        .await
        .map_err(|error| format!("WORKER_DB={}: it cannot be used: {error}", config.db))?;
    lifecycle::provide(pool.clone());
    brokers::open(&config, &pool, Parts { config: &config, pool: &pool }).await
}

struct Parts<'a> {
    config: &'a Config,
    pool: &'a SqlitePool,
}

impl Use for Parts<'_> {
    /// Until a stop: the scheduler ends when it is asked for, the consumer when the queue was told
    /// of every job, the server when its requests are answered.
    async fn with<Q: Queue>(self, queue: Q) -> Result<(), BoxError> {
        let Self { config, pool } = self;
        let listener = TcpListener::bind(&config.addr).await.map_err(|error| {
            format!("WORKER_ADDR={}: cannot listen there: {error}", config.addr)
        })?;
        info!("listening on http://{}", listener.local_addr()?);
        let service = Service { pool: pool.clone(), queue: queue.clone() };
        let worker = WORKER.clone().concurrency(config.concurrency);
        let scheduled = scheduler::run(queue.clone(), config.sweep_every);
        let pool = pool.clone();
        let worked = worker.run(queue.source(), move |job| {
            let pool = pool.clone();
            async move { jobs::work(&pool, &Q::task(&job)?).await }
        });
        let served = lifecycle::http::serve(listener, http::app(service));
        let (served, worked, ()) = tokio::join!(served, worked, scheduled);
        info!("{worked}");
        Ok(served?)
    }
}
