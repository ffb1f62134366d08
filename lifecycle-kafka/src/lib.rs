#![warn(missing_docs)]
#![doc = include_str!("../README.md")]
//!
//! ```no_run
//! use lifecycle_kafka::Queue;
//! use rdkafka::ClientConfig;
//! # use lifecycle_work as work;
//! # async fn example() -> Result<(), work::QueueError> {
//! let mut config = ClientConfig::new();
//! config.set("bootstrap.servers", "kafka:9092").set("group.id", "mailer");
//! let queue = Queue::new(&config, &["mails"])?;
//! work::consumer("mails")
//!     .run(queue, |job| async move { println!("{:?}", job.payload()) })
//!     .await;
//! # Ok(())
//! # }
//! ```

mod config;
mod group;
mod partitions;

use std::{
    fmt,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use lifecycle_work::{QueueError, Source, SourceError};
use rdkafka::{
    ClientConfig, Message, Timestamp,
    message::{Headers, OwnedHeaders, OwnedMessage},
};

use tokio::time::timeout;

use self::{
    group::{Group, LEASE, NotDone},
    partitions::Ticket,
};

const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A year: what somebody calls without end can be added to a moment.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Of a [`Source::receive`] that finds nothing.
const WAIT: Duration = Duration::from_secs(1);
/// How long the last word of a stop waits for the group to know that this worker leaves.
const LEAVE: Duration = Duration::from_secs(2);

const AGAIN: &str = "Who has its partition now does it, again where it was done";

/// The messages of some topics, as a member of a consumer group.
///
/// - Each partition has **one job in hand**, in the order of its offsets: so many jobs run at once as
///   this worker has partitions, and the consumer's concurrency at most. Kafka knows of a partition
///   only up to where all is done. Were jobs of one done out of order, each stop would run some
///   twice.
/// - `ack` completes when the offset is **committed**; commits of several jobs go together.
/// - A job that is **given back** is not committed, and nothing behind it is. Another worker has it when
///   this one has left the group, which it does once its last job is decided: Kafka cannot give
///   one message to another worker. The others hear of that at their next heartbeat
///   (`heartbeat.interval.ms`, 3 s).
/// - A job that **failed** is the next of its partition again, after
///   [`retry_after`](Self::retry_after); what is behind it waits. A message that never succeeds holds
///   its partition until the handler says `Ok`, for example as it has sent it to a topic of dead
///   letters: [`Job::failures`] counts.
/// - When a **rebalance** takes a partition away, its job is waited for
///   ([`rebalance_wait`](Self::rebalance_wait)) and committed first. What takes longer is lost: the
///   consumer drops the handler, and names it.
/// - Polling goes on in a thread of its own whatever the handlers do, so a long job is no reason for
///   a rebalance (`max.poll.interval.ms`). Only while a rebalance waits for a job is nothing fetched.
/// - A member with a `group.instance.id` does not leave its group when it stops: others have what is left
///   after `session.timeout.ms`, unless it comes back before.
///
/// Dropped, it leaves the group, in that thread: where the broker is away that takes longer, and
/// holds nobody.
pub struct Queue {
    group: Arc<Group>,
    retry_after: Duration,
    class_header: Option<String>,
}

/// A message, and what its handler may know of it. A clone is the same job.
#[derive(Clone)]
pub struct Job(Arc<Delivered>);

struct Delivered {
    message: Arc<OwnedMessage>,
    ticket: Ticket,
    failures: u32,
    group: Weak<Group>,
}

impl Queue {
    /// Joins the group of `config` (`group.id`) for these topics, in the background.
    ///
    /// Where `config` says nothing else, a group without offsets begins with the oldest message
    /// (`auto.offset.reset=earliest`), so that nothing is passed over, and a rebalance takes from a worker
    /// the partitions that move, and not all (`partition.assignment.strategy=cooperative-sticky`). A
    /// group that runs already with another strategy has to be told that one.
    ///
    /// # Errors
    /// When there is no `group.id` or no topic; when offsets would be committed or stored by
    /// themselves, as jobs would be lost then; when librdkafka takes something of the configuration
    /// for wrong.
    pub fn new(config: &ClientConfig, topics: &[&str]) -> Result<Self, QueueError> {
        let name = topics.join(",");
        let config = config::complete(config, &name)?;
        let group = Group::join(&config, name, topics)?;
        Ok(Self { group, retry_after: RETRY_AFTER, class_header: None })
    }

    /// How long a rebalance waits for the job of a partition that it takes away: 30 s where this is
    /// not said. It is held to less than the `max.poll.interval.ms` of the configuration. All members
    /// wait for the slowest one with the strategies that are not cooperative.
    #[must_use]
    pub fn rebalance_wait(self, time: Duration) -> Self {
        self.group.set_rebalance_wait(time);
        self
    }

    /// When a job whose handler failed is tried again: after a second where this is not said.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = delay.min(LONGEST);
        self
    }

    /// The class of a job is what stands in this header of the message. Without this it is its topic.
    #[must_use]
    pub fn class_header(mut self, header: &str) -> Self {
        self.class_header = Some(header.to_owned());
        self
    }

    /// The last word of a stop: from here on another worker can have what is left.
    async fn left(&self) {
        if self.group.is_leaving() && timeout(LEAVE, self.group.left()).await.is_err() {
            let queue = self.group.name();
            tracing::warn!(
                target: "lifecycle::work",
                queue,
                "Kafka has not heard that this worker leaves the queue `{queue}`: others have its \
                 partitions after `session.timeout.ms`"
            );
        }
    }

    fn failed(&self, verb: &str, job: &Job, source: impl Into<SourceError>) -> SourceError {
        let (queue, verb) = (self.group.name().to_owned(), format!("{verb} job {}", self.id(job)));
        QueueError::Broker { queue, verb, advice: AGAIN, source: source.into() }.into()
    }
}

impl Job {
    /// What was produced; nothing where it was produced without.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.0.message.payload().unwrap_or_default()
    }

    /// By which the producer has chosen the partition.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.0.message.key()
    }

    /// The topic it was produced to.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.0.message.topic()
    }

    /// Of its topic.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.0.message.partition()
    }

    /// Its number in the partition, which it keeps.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.0.message.offset()
    }

    /// When it was produced.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.0.message.timestamp()
    }

    /// The headers of the message.
    #[must_use]
    pub fn headers(&self) -> Option<&OwnedHeaders> {
        self.0.message.headers()
    }

    /// How often its handler has failed in this process. Kafka itself counts no attempts.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.0.failures
    }
}

impl Source for Queue {
    type Job = Job;

    /// An error where the group cannot be joined, or its messages not be had.
    async fn receive(&self, max: usize) -> Result<Vec<Job>, SourceError> {
        let taken = self.group.receive(max, WAIT).await?;
        let job = |(ticket, waiting): (Ticket, partitions::Waiting<Arc<OwnedMessage>>)| {
            let (message, failures) = (waiting.message, waiting.failures);
            let group = Arc::downgrade(&self.group);
            Job(Arc::new(Delivered { message, ticket, failures, group }))
        };
        Ok(taken.into_iter().map(job).collect())
    }

    /// Completes when the offset behind it is committed. At a stop, that of the last job completes when
    /// this worker has left the group.
    async fn ack(&self, job: &Job) -> Result<(), SourceError> {
        match self.group.done(&job.0.ticket).await {
            Ok(()) => {}
            Err(NotDone::Broker(error)) => return Err(self.failed("acknowledge", job, error)),
            Err(not_done) => return Err(self.failed("acknowledge", job, not_done)),
        }
        self.left().await;
        Ok(())
    }

    /// At a stop, that of the last job completes when this worker has left the group. Where its
    /// partition is not this worker's any more, another has the job, and nothing is to be done.
    async fn give_back(&self, job: Job) -> Result<(), SourceError> {
        self.group.again(&job.0.ticket, &job.0.message, job.0.failures, None);
        self.left().await;
        Ok(())
    }

    /// Asks nobody: an error where the partition is not this worker's any more.
    async fn renew(&self, job: &Job) -> Result<(), SourceError> {
        let holds = self.group.holds(&job.0.ticket);
        if holds { Ok(()) } else { Err(self.failed("renew", job, NotDone::Lost)) }
    }

    async fn fail(&self, job: Job, _: &str) -> Result<(), SourceError> {
        let not_before = Instant::now() + self.retry_after;
        let failures = job.0.failures.saturating_add(1);
        self.group.again(&job.0.ticket, &job.0.message, failures, Some(not_before));
        self.left().await;
        Ok(())
    }

    /// Completes at once where jobs are in hand, and else when this worker has left the group.
    async fn quiet(&self) -> Result<(), SourceError> {
        self.group.quiet();
        self.left().await;
        Ok(())
    }

    fn class<'job>(&self, job: &'job Job) -> &'job str {
        let Some(header) = &self.class_header else { return job.topic() };
        let mut headers = job.headers().into_iter().flat_map(Headers::iter);
        let value = headers.find(|found| found.key == header).and_then(|found| found.value);
        value.and_then(|value| str::from_utf8(value).ok()).unwrap_or_default()
    }

    /// Its topic, partition and offset: `mails/3/17`.
    fn id(&self, job: &Job) -> String {
        format!("{}/{}/{}", job.topic(), job.partition(), job.offset())
    }

    /// How soon a job is dropped whose partition was taken away.
    fn lease(&self) -> Option<Duration> {
        Some(LEASE)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.group.close();
    }
}

impl Drop for Delivered {
    /// Where nobody has decided it, the next of its partition is this one once more.
    fn drop(&mut self) {
        if let Some(group) = self.group.upgrade() {
            group.dropped(&self.ticket, &self.message, self.failures);
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("topics", &self.group.name())
            .field("retry_after", &self.retry_after)
            .field("class_header", &self.class_header)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("failures", &self.failures())
            .field("bytes", &self.payload().len())
            .finish()
    }
}
