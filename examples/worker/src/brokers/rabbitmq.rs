//! A queue of RabbitMQ.

use std::sync::Arc;

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use lifecycle::{on_shutdown, work::rabbitmq};

use super::QUEUE;
use crate::{
    BoxError,
    config::Config,
    queue::{Queue, Task},
};

/// Jobs come over a channel of their own.
#[derive(Clone)]
pub(super) struct Rabbit {
    source: Arc<rabbitmq::Queue>,
    publishes: Channel,
}

pub(super) async fn open(url: &str, config: &Config) -> Result<Rabbit, BoxError> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let connection = Arc::new(connection);
    lifecycle::provide(Arc::clone(&connection));
    let publishes = connection.create_channel().await?;
    let durable = QueueDeclareOptions::durable();
    publishes.queue_declare(QUEUE.into(), durable, FieldTable::default()).await?;
    publishes.confirm_select(ConfirmSelectOptions::default()).await?;
    let source = rabbitmq::Queue::new(connection, QUEUE);
    let source = source.prefetch(config.concurrency.try_into().unwrap_or(u16::MAX));
    Ok(Rabbit { source: Arc::new(source), publishes })
}

impl Queue for Rabbit {
    type Source = Arc<rabbitmq::Queue>;

    fn source(&self) -> Self::Source {
        Arc::clone(&self.source)
    }

    async fn enqueue(&self, tasks: &[Task]) -> Result<(), BoxError> {
        for task in tasks {
            let persistent = 2;
            let properties = BasicProperties::default()
                .with_type(task.kind.as_str().into())
                .with_delivery_mode(persistent);
            let (body, options) = (serde_json::to_vec(task)?, BasicPublishOptions::default());
            let confirmed = self
                .publishes
                .basic_publish("".into(), QUEUE.into(), options, &body, properties)
                .await?
                .await?;
            if confirmed.is_nack() {
                return Err("RabbitMQ did not take the job".into());
            }
        }
        Ok(())
    }

    fn task(job: &rabbitmq::Job) -> Result<Task, BoxError> {
        Ok(serde_json::from_slice(job.body())?)
    }
}

/// What was acknowledged is known to RabbitMQ by now.
#[on_shutdown(timeout = "1s", if_provided)]
async fn close_queue(connection: Arc<Connection>) -> Result<(), lapin::Error> {
    connection.close(200, "the worker stops".into()).await
}
