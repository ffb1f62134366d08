use std::{
    error::Error,
    ops::Range,
    process::{Command, Stdio},
    time::Duration,
};

use async_nats::jetstream::{
    self, Context,
    consumer::{AckPolicy, pull},
    stream,
};
use lifecycle::work::nats::Queue;
use rustix::process::Signal;

use crate::{
    QUEUE,
    broker::{Broker, Server, free_port, installed, until_it_works},
};

/// A NATS with JetStream, as Debian ships it.
#[derive(Debug)]
pub struct Nats {
    server: Server,
    jetstream: Context,
    url: String,
}

impl Broker for Nats {
    const NAME: &str = "nats";

    type Queue = Queue;

    async fn start() -> Option<Self> {
        let program = installed("nats-server", ["/usr/sbin".into()])?;
        let directory = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let mut nats = Command::new(program);
        nats.args(["--jetstream", "--addr", "127.0.0.1", "--port", &port.to_string()])
            .arg("--store_dir")
            .arg(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = Server::start(nats, Signal::KILL, directory);
        let url = format!("nats://127.0.0.1:{port}");
        let connect = async || async_nats::connect(&url).await;
        let client = until_it_works("NATS lets nobody in", connect).await;
        let jetstream = jetstream::new(client);
        // What is acknowledged is not in it any more.
        let config = stream::Config {
            name: QUEUE.into(),
            subjects: vec![format!("{QUEUE}.>")],
            retention: stream::RetentionPolicy::WorkQueue,
            storage: stream::StorageType::Memory,
            ..stream::Config::default()
        };
        let create = async || jetstream.create_stream(config.clone()).await;
        until_it_works("JetStream makes no stream", create).await;
        // Workers that start find it.
        nats_queue(&url, Duration::from_secs(30)).await.expect("a consumer");
        Some(Self { server, jetstream, url })
    }

    fn url(&self) -> String {
        self.url.clone()
    }

    fn server(&self) -> &Server {
        &self.server
    }

    async fn queue(&self, lease: Duration) -> Queue {
        nats_queue(&self.url, lease).await.expect("a consumer")
    }

    async fn enqueue(&self, kind: &str, numbers: Range<usize>) {
        for number in numbers {
            let subject = format!("{QUEUE}.{kind}");
            let sent = self.jetstream.publish(subject, number.to_string().into()).await;
            sent.expect("a job").await.expect("a job that was taken");
        }
    }

    async fn left(&self) -> usize {
        let mut stream = self.jetstream.get_stream(QUEUE).await.expect("a stream");
        let state = &stream.info().await.expect("its state").state;
        state.messages.try_into().expect("a count")
    }
}

/// The queue as a worker has it.
///
/// # Errors
/// When NATS cannot be reached, or has no such stream.
pub async fn nats_queue(url: &str, lease: Duration) -> Result<Queue, Box<dyn Error + Send + Sync>> {
    let stream = jetstream::new(async_nats::connect(url).await?).get_stream(QUEUE).await?;
    // All workers share it, and the lease of the last is that of all.
    if let Ok(consumer) = stream.get_consumer::<pull::Config>("workers").await
        && consumer.cached_info().config.ack_wait == lease
    {
        return Ok(Queue::new(consumer)?);
    }
    let config = pull::Config {
        durable_name: Some("workers".into()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: lease,
        ..pull::Config::default()
    };
    Ok(Queue::new(stream.create_consumer(config).await?)?)
}
