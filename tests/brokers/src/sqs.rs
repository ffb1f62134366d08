use std::{
    collections::HashMap,
    ops::Range,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use aws_sdk_sqs::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
    types::{MessageAttributeValue, QueueAttributeName as Attribute, SendMessageBatchRequestEntry},
};
use aws_smithy_http_client::Builder;
use lifecycle::work::{QueueError, sqs::Queue};
use rustix::process::Signal;

use crate::{
    QUEUE,
    broker::{Broker, Server, free_port, installed, until_it_works},
};

/// The SQS of moto, which is a Python package.
#[derive(Debug)]
pub struct Sqs {
    server: Server,
    client: Client,
    url: String,
}

impl Broker for Sqs {
    const NAME: &str = "sqs";

    /// moto takes 5 ms for one.
    const JOBS: usize = 1_000;

    const WORK: Duration = Duration::from_millis(500);

    type Queue = Queue;

    async fn start() -> Option<Self> {
        installed("moto_server", [])?;
        let directory = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let mut moto = Command::new("python3");
        moto.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/moto_sqs.py"))
            .arg(port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = Server::start(moto, Signal::KILL, directory);
        let client = sqs_client(&format!("http://127.0.0.1:{port}"));
        let create = async || client.create_queue().queue_name(QUEUE).send().await;
        let created = until_it_works("moto makes no queue", create).await;
        let url = created.queue_url().expect("its address").replacen("http:", "sqs:", 1);
        Some(Self { server, client, url })
    }

    fn url(&self) -> String {
        self.url.clone()
    }

    fn server(&self) -> &Server {
        &self.server
    }

    async fn queue(&self, lease: Duration) -> Queue {
        sqs_queue(&self.url).await.expect("a queue").lease(lease)
    }

    async fn enqueue(&self, kind: &str, numbers: Range<usize>) {
        let kind = MessageAttributeValue::builder().data_type("String").string_value(kind).build();
        let kind = kind.expect("an attribute");
        let numbers: Vec<_> = numbers.collect();
        for some in numbers.chunks(10) {
            let entries = some.iter().map(|number| {
                SendMessageBatchRequestEntry::builder()
                    .id(number.to_string())
                    .message_body(number.to_string())
                    .message_attributes("kind", kind.clone())
                    .build()
                    .expect("a message")
            });
            let send = self.client.send_message_batch().queue_url(http(&self.url));
            let sent = send.set_entries(Some(entries.collect())).send().await.expect("an answer");
            assert!(sent.failed().is_empty(), "{:?}", sent.failed());
        }
    }

    async fn left(&self) -> usize {
        let (waiting, held) = (
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesNotVisible,
        );
        let ask = self.client.get_queue_attributes().queue_url(http(&self.url));
        let ask = ask.attribute_names(waiting).attribute_names(held);
        let counts: HashMap<_, String> =
            ask.send().await.expect("an answer").attributes.expect("counts");
        counts.values().map(|count| count.parse::<usize>().expect("a count")).sum()
    }
}

/// The queue as a worker has it.
///
/// # Errors
/// When moto cannot be reached, or has no such queue.
pub async fn sqs_queue(url: &str) -> Result<Queue, QueueError> {
    let url = http(url);
    Ok(Queue::new(sqs_client(&url), url).await?.class_attribute("kind"))
}

/// A client of the server that has the queue of this address.
pub fn sqs_client(url: &str) -> Client {
    let endpoint = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("nobody", "nothing", None, None, "tests"))
        .endpoint_url(endpoint)
        .http_client(Builder::new().build_http());
    Client::from_conf(config.build())
}

fn http(url: &str) -> String {
    url.replacen("sqs:", "http:", 1)
}
