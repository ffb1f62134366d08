//! A worker, whose broker, numbers and faults stand in the environment: see `Setup`.

use std::{env, error::Error, path::Path, sync::Arc, time::Duration};

use lapin::Connection;
use lifecycle::{
    on_shutdown,
    work::{Class, Source, SourceError, consumer, postgres, redis},
};
use lifecycle_brokers::{
    CONCURRENCY, Ledger, PREFETCH, QUEUE, kafka_queue, nats_queue, rabbitmq_queue, sqs_queue,
};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::sleep;

#[lifecycle::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let (url, lease) = (env::var("BROKERS_URL")?, ms("BROKERS_LEASE_MS"));
    match url.split(':').next().unwrap_or_default() {
        "postgres" => {
            let pool = PgPoolOptions::new().max_connections(8).connect(&url).await?;
            lifecycle::provide(pool.clone());
            work(postgres::Queue::new(pool, QUEUE).lease(lease), |job| &job.payload).await;
        }
        "redis" => {
            let queue = redis::Queue::new(::redis::Client::open(url)?, QUEUE);
            work(queue.lease(lease), |job| &job.payload).await;
        }
        "amqp" => {
            let (connection, queue) = rabbitmq_queue(&url).await?;
            lifecycle::provide(connection);
            work(queue, |job| job.body()).await;
        }
        "nats" => work(nats_queue(&url, lease).await?, |job| job.payload()).await,
        "kafka" => work(kafka_queue(&url)?, |job| job.payload()).await,
        "sqs" => work(sqs_queue(&url).await?.lease(lease), |job| job.body().as_bytes()).await,
        scheme => return Err(format!("no broker is at {scheme}:").into()),
    }
    Ok(())
}

/// Hangs where a queue still held a connection.
#[on_shutdown(timeout = "1s", if_provided, after = [])]
async fn close_pool(pool: PgPool) {
    pool.close().await;
}

/// What was acknowledged is known to RabbitMQ by now.
#[on_shutdown(timeout = "1s", if_provided, after = [])]
async fn close_connection(connection: Arc<Connection>) -> Result<(), lapin::Error> {
    connection.close(200, "the worker stops".into()).await
}

async fn work<S: Source>(queue: S, payload: fn(&S::Job) -> &[u8]) {
    let folder = env::var("BROKERS_LEDGER").expect("a folder");
    let ledger = Arc::new(Ledger::open(Path::new(&folder)));
    let queue = Arc::new(queue);
    let source = Faulty { queue: Arc::clone(&queue), fault: env::var("BROKERS_FAULT").unwrap() };
    let work = ms("BROKERS_WORK_MS");
    consumer("jobs")
        .concurrency(CONCURRENCY)
        .prefetch(PREFETCH)
        .class(Class::new("requeued").requeue())
        .run(source, move |job| {
            let kind = queue.class(&job).to_owned();
            let number = String::from_utf8_lossy(payload(&job)).into_owned();
            let ledger = Arc::clone(&ledger);
            async move {
                ledger.write("begin", &number);
                match &*kind {
                    "job" => sleep(work.mul_f64(fastrand::f64())).await,
                    "stop" => {
                        lifecycle::shutdown("a job asked for it");
                        sleep(Duration::from_millis(100)).await;
                    }
                    _ => sleep(work).await,
                }
                ledger.effect(&number);
                ledger.write("end", &number);
            }
        })
        .await;
}

fn ms(name: &str) -> Duration {
    Duration::from_millis(env::var(name).expect(name).parse().expect(name))
}

/// A queue that is used wrongly.
struct Faulty<S> {
    queue: Arc<S>,
    fault: String,
}

impl<S> Faulty<S> {
    fn is(&self, fault: &str) -> bool {
        self.fault == fault
    }
}

impl<S: Source> Source for Faulty<S> {
    type Job = S::Job;

    async fn receive(&self, max: usize) -> Result<Vec<S::Job>, SourceError> {
        let jobs = self.queue.receive(max).await?;
        if self.is("AcksFirst") {
            for job in &jobs {
                self.queue.ack(job).await?;
            }
        }
        Ok(jobs)
    }

    async fn ack(&self, job: &S::Job) -> Result<(), SourceError> {
        if self.is("AcksFirst") { Ok(()) } else { self.queue.ack(job).await }
    }

    async fn give_back(&self, job: S::Job) -> Result<(), SourceError> {
        let is_wrong = self.is("AcksFirst") || self.is("Drops");
        if is_wrong { Ok(()) } else { self.queue.give_back(job).await }
    }

    async fn renew(&self, job: &S::Job) -> Result<(), SourceError> {
        let is_wrong = self.is("AcksFirst") || self.is("NeverRenews");
        if is_wrong { Ok(()) } else { self.queue.renew(job).await }
    }

    async fn fail(&self, job: S::Job, error: &str) -> Result<(), SourceError> {
        self.queue.fail(job, error).await
    }

    async fn quiet(&self) -> Result<(), SourceError> {
        self.queue.quiet().await
    }

    fn class<'job>(&self, job: &'job S::Job) -> &'job str {
        self.queue.class(job)
    }

    fn id(&self, job: &S::Job) -> String {
        self.queue.id(job)
    }

    fn lease(&self) -> Option<Duration> {
        self.queue.lease()
    }
}
