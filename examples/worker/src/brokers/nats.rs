//! A stream of NATS JetStream.

use std::sync::Arc;

use async_nats::jetstream::{
    self, Context,
    consumer::{AckPolicy, pull},
    stream::{self, RetentionPolicy},
};
use lifecycle::work::nats;

use super::QUEUE;
use crate::{
    BoxError,
    config::Config,
    queue::{Queue, Task},
};

#[derive(Clone)]
pub(super) struct Nats {
    source: Arc<nats::Queue>,
    jetstream: Context,
}

pub(super) async fn open(url: &str, config: &Config) -> Result<Nats, BoxError> {
    let jetstream = jetstream::new(async_nats::connect(url).await?);
    let stream = stream::Config {
        name: QUEUE.to_owned(),
        subjects: vec![format!("{QUEUE}.*")],
        retention: RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    };
    let stream = jetstream.get_or_create_stream(stream).await?;
    let consumer = pull::Config {
        durable_name: Some(QUEUE.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: config.lease,
        ..pull::Config::default()
    };
    let source = nats::Queue::new(stream.get_or_create_consumer(QUEUE, consumer).await?)?;
    Ok(Nats { source: Arc::new(source), jetstream })
}

impl Queue for Nats {
    type Source = Arc<nats::Queue>;

    fn source(&self) -> Self::Source {
        Arc::clone(&self.source)
    }

    async fn enqueue(&self, tasks: &[Task]) -> Result<(), BoxError> {
        for task in tasks {
            let subject = format!("{QUEUE}.{}", task.kind);
            self.jetstream.publish(subject, serde_json::to_vec(task)?.into()).await?.await?;
        }
        Ok(())
    }

    fn task(job: &nats::Job) -> Result<Task, BoxError> {
        Ok(serde_json::from_slice(job.payload())?)
    }
}
