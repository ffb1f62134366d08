use std::time::Duration;

use lifecycle_process_tests::{Signal, service};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
    producer::{BaseProducer, BaseRecord, Producer},
    topic_partition_list::Offset,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The offset that the group goes on at.
fn committed(brokers: &str) -> Offset {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "orders")
        .create()
        .unwrap();
    let mut asked = rdkafka::TopicPartitionList::new();
    asked.add_partition("orders", 0);
    let offsets = consumer.committed_offsets(asked, TIMEOUT).unwrap();
    offsets.find_partition("orders", 0).unwrap().offset()
}

/// The group waits up to 45 s for a member that did not say that it leaves, longer than the test
/// waits for a line.
#[test]
fn a_message_is_finished_and_committed_and_the_next_process_goes_on_at_once() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &brokers).create().unwrap();
    for text in ["first", "second"] {
        producer.send(BaseRecord::<(), _>::to("orders").payload(text)).unwrap();
    }
    producer.flush(TIMEOUT).unwrap();

    let program = || service!(bin "kafka").env("BROKERS", &brokers);
    let mut child = program().start();
    child.wait_for("first begun");
    child.signal(Signal::TERM);
    child.end().exits(0).says("first done").never_says("second begun");
    assert_eq!(committed(&brokers), Offset::Offset(1));

    let mut child = program().start();
    child.wait_for("second done");
    child.signal(Signal::TERM);
    child.end().exits(0).never_says("first begun");
    assert_eq!(committed(&brokers), Offset::Offset(2));
}
