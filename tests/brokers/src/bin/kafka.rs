//! A Kafka: the mock cluster of librdkafka, as a process that can be frozen and killed. Writes where
//! it is into the file `address` of its folder.

use std::{fs, thread};

use lifecycle_brokers::{PARTITIONS, QUEUE};
use rdkafka::{
    ClientConfig,
    bindings::{rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms},
    producer::{BaseProducer, Producer},
};

fn main() {
    let producer = ClientConfig::new().set("test.mock.num.brokers", "1").create();
    let producer: BaseProducer = producer.expect("a producer");
    let client = producer.client();
    let cluster = client.mock_cluster().expect("a cluster");
    let partitions = PARTITIONS.try_into().expect("few partitions");
    cluster.create_topic(QUEUE, partitions, 1).expect("a topic");
    no_initial_delay(&producer);
    // Whole, or not there.
    fs::write("address.new", cluster.bootstrap_servers()).expect("a file");
    fs::rename("address.new", "address").expect("a file");
    loop {
        thread::park();
    }
}

/// A group that was empty waits 3 s for more members otherwise.
#[expect(unsafe_code, reason = "rdkafka has no call for it")]
fn no_initial_delay(producer: &BaseProducer) {
    // SAFETY: the client lives as long as the borrow, and its mock cluster as long as the client.
    unsafe {
        let cluster = rd_kafka_handle_mock_cluster(producer.client().native_ptr());
        rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
    }
}
