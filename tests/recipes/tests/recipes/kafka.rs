use std::{
    sync::mpsc::{self, Sender},
    time::{Duration, Instant},
};

use lifecycle_process_tests::{Signal, service};
use rdkafka::{
    ClientConfig, ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer},
    message::DeliveryResult,
    producer::{BaseProducer, BaseRecord, Producer, ProducerContext},
    topic_partition_list::Offset,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// What the mock cluster says about itself.
struct Log(Sender<String>);

impl ClientContext for Log {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, message: &str) {
        let _ = self.0.send(message.to_owned());
    }
}

impl ProducerContext for Log {
    type DeliveryOpaque = ();

    fn delivery(&self, _result: &DeliveryResult<'_>, (): ()) {}
}

/// The offset that the group goes on at.
fn committed(brokers: &str) -> Offset {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "orders")
        .create()
        .unwrap();
    let mut asked = TopicPartitionList::new();
    asked.add_partition("orders", 0);
    let offsets = consumer.committed_offsets(asked, TIMEOUT).unwrap();
    offsets.find_partition("orders", 0).unwrap().offset()
}

#[test]
fn a_message_is_finished_and_committed_and_the_group_is_left() {
    let (log, said) = mpsc::channel();
    let producer: BaseProducer<Log> = ClientConfig::new()
        .set("test.mock.num.brokers", "1")
        .set("debug", "mock")
        .set_log_level(RDKafkaLogLevel::Debug)
        .create_with_context(Log(log))
        .unwrap();
    let cluster = producer.client().mock_cluster().unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    for text in ["first", "second"] {
        producer.send(BaseRecord::<(), _>::to("orders").payload(text)).unwrap();
    }
    producer.flush(TIMEOUT).unwrap();

    let mut child = service!(bin "kafka").env("BROKERS", &brokers).start();
    child.wait_for("first begun");
    child.signal(Signal::TERM);
    child.end().exits(0).says("first done").never_says("second begun");
    assert_eq!(committed(&brokers), Offset::Offset(1));

    // A member that only vanishes is waited for until its session is over, 45 s.
    let until = Instant::now() + TIMEOUT;
    while !said
        .try_iter()
        .inspect(|l| println!("{l}"))
        .any(|line| line.contains("is leaving group orders"))
    {
        assert!(Instant::now() < until, "the cluster knows of no member that left");
        producer.poll(Duration::from_millis(10));
    }
}
