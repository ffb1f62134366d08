use std::{env, str, time::Duration};

use lifecycle::{Site, on_shutdown};
use rdkafka::{
    ClientConfig, Message,
    consumer::{CommitMode, Consumer, StreamConsumer},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode::NoOffset},
};

static MESSAGES: Site = Site::new("messages");

/// Not async: commit and destructor block until the broker answers.
#[on_shutdown(timeout = "5s")]
fn leave_group(consumer: StreamConsumer) -> KafkaResult<()> {
    match consumer.commit_consumer_state(CommitMode::Sync) {
        Err(KafkaError::ConsumerCommit(NoOffset)) => Ok(()),
        committed => committed,
    }
}

async fn handle(text: &str) {
    println!("{text} begun");
    tokio::time::sleep(Duration::from_millis(500)).await;
    println!("{text} done");
}

#[lifecycle::main]
async fn main() -> KafkaResult<()> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", env::var("BROKERS").unwrap_or_else(|_| "kafka:9092".to_owned()))
        .set("group.id", "orders")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .create()?;
    consumer.subscribe(&["orders"])?;
    lifecycle::provide(consumer);

    let Some(consumer) = lifecycle::resource::<StreamConsumer>() else { return Ok(()) };
    while let Some((received, guard)) = MESSAGES.pull(consumer.recv()).await {
        let message = received?;
        guard
            .scope(handle(str::from_utf8(message.payload().unwrap_or_default()).unwrap_or("?")))
            .await;
        consumer.store_offset_from_message(&message)?;
    }
    Ok(())
}
