use std::{
    env,
    error::Error,
    fs,
    ops::Range,
    process::{Command, Stdio},
    time::Duration,
};

use lifecycle_kafka::Queue;
use rdkafka::{
    ClientConfig, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer},
};
use rustix::process::Signal;

use crate::{
    QUEUE,
    broker::{Broker, Server, until_it_works},
};

/// More than jobs are worked on at once, as each has one in hand.
pub const PARTITIONS: usize = 24;

const LONG: Duration = Duration::from_secs(10);

/// The mock cluster of librdkafka, in a process of its own. It speaks the protocol of Kafka, and differs
/// where a group changes: Kafka waits for all members, and takes commits until the last has come. The
/// mock waits for `session.timeout.ms` less a second and takes none meanwhile, does not hear the
/// heartbeats of who has yet to come, and gives the id of a member that timed out to another one. So
/// one worker at a time comes or goes in its tests, and with a cooperative strategy alone.
pub struct Kafka {
    server: Server,
    producer: BaseProducer,
    reader: BaseConsumer,
    address: String,
}

impl Broker for Kafka {
    const NAME: &str = "kafka";

    const GIVES_BACK_UNASKED: bool = true;

    /// The mock has timed a member out that lives. A check that is wrong is so each time.
    const FORGIVEN: usize = 2;

    /// Two rebalances and what a worker takes to start.
    const SETTLES: Duration = Duration::from_millis(2_700);

    type Queue = Queue;

    async fn start() -> Option<Self> {
        let this = env::current_exe().expect("a program");
        let folder = this.ancestors().nth(2).expect("a folder above deps");
        let directory = tempfile::tempdir().expect("a folder");
        let file = directory.path().join("address");
        let mut kafka = Command::new(folder.join("brokers-kafka"));
        kafka.current_dir(directory.path()).stdout(Stdio::null());
        let server = Server::start(kafka, Signal::KILL, directory);
        let read = async || fs::read_to_string(&file);
        let address = until_it_works("the mock cluster does not start", read).await;
        let producer = config(&address).create().expect("a producer");
        let reader = config(&address).set("group.id", QUEUE).create().expect("a consumer");
        Some(Self { server, producer, reader, address })
    }

    fn url(&self) -> String {
        format!("kafka://{}", self.address)
    }

    fn server(&self) -> &Server {
        &self.server
    }

    async fn queue(&self, _: Duration) -> Queue {
        kafka_queue(&self.url()).expect("a member of the group")
    }

    async fn enqueue(&self, kind: &str, numbers: Range<usize>) {
        for number in numbers {
            let partition = i32::try_from(number % PARTITIONS).expect("few partitions");
            let number = number.to_string();
            let header = Header { key: "kind", value: Some(kind) };
            let headers = OwnedHeaders::new().insert(header);
            let record = BaseRecord::<(), String>::to(QUEUE).payload(&number);
            self.producer.send(record.headers(headers).partition(partition)).expect("room for it");
            self.producer.poll(Duration::ZERO);
        }
        self.producer.flush(LONG).expect("all were taken");
    }

    async fn left(&self) -> usize {
        let mut partitions = TopicPartitionList::new();
        let metadata = self.reader.fetch_metadata(Some(QUEUE), LONG).expect("the topic");
        for partition in metadata.topics()[0].partitions() {
            partitions.add_partition(QUEUE, partition.id());
        }
        let committed = self.reader.committed_offsets(partitions, LONG).expect("its offsets");
        let mut left = 0;
        for element in committed.elements() {
            let ends = self.reader.fetch_watermarks(QUEUE, element.partition(), LONG);
            let (first, end) = ends.expect("its end");
            left += end - element.offset().to_raw().filter(|next| *next >= 0).unwrap_or(first);
        }
        left.try_into().expect("a count")
    }
}

/// The queue as a worker has it. A group of the mock cluster that changes waits for a second.
///
/// # Errors
/// When librdkafka cannot be started.
pub fn kafka_queue(url: &str) -> Result<Queue, Box<dyn Error + Send + Sync>> {
    Ok(Queue::new(&kafka_config(url), &[QUEUE])?.class_header("kind"))
}

/// That of its member of the group.
pub fn kafka_config(url: &str) -> ClientConfig {
    let mut config = config(url.trim_start_matches("kafka://"));
    config
        .set("group.id", QUEUE)
        .set("session.timeout.ms", "2000")
        .set("heartbeat.interval.ms", "100")
        .set("topic.metadata.refresh.interval.ms", "1000");
    config
}

fn config(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address);
    config
}
