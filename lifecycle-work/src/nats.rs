//! A consumer of NATS JetStream, by the client [`async_nats`].
//!
//! What JetStream does at a stop: a request for messages cannot be taken back, so the one that is
//! under way is waited for, [`pull_expires`](Queue::pull_expires) at most (100 ms), and what it
//! still brings is refused and with another worker at once. Were the connection closed instead,
//! JetStream would have counted such a message as delivered, and nobody would have it until its
//! lease ends.
//!
//! The lease of a job is the consumer's `ack_wait`, and is renewed while the job is worked on. Each
//! delivery counts against the consumer's `max_deliver`, that of a job which a stop gives back as
//! well.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use async_nats::{
    Client, HeaderMap, Subject,
    jetstream::{
        AckKind, Message,
        consumer::{AckPolicy, PullConsumer},
    },
};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout};

use crate::{QueueError, Source, SourceError};

const PULL_EXPIRES: Duration = Duration::from_millis(100);
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// What the broker's last word on a request may be late, before it is held to be lost.
const LATE: Duration = Duration::from_secs(1);

const AGAIN: &str = "JetStream may deliver it again when its lease has passed";
const IS_IT_THERE: &str = "See that NATS can be reached and that the consumer is there";

/// The messages of a durable pull consumer that is acknowledged explicitly.
pub struct Queue {
    consumer: PullConsumer,
    name: String,
    lease: Duration,
    pull_expires: Duration,
    retry_after: Duration,
    class_header: Option<String>,
    is_quiet: AtomicBool,
}

/// A message, and what its handler may know of it. A clone is the same job.
#[derive(Clone)]
pub struct Job(Arc<Delivered>);

struct Delivered {
    message: async_nats::Message,
    client: Client,
    reply: Subject,
    sequence: u64,
    deliveries: u64,
    leased_until: Mutex<Instant>,
}

impl Queue {
    /// The messages of `consumer`.
    ///
    /// # Errors
    /// When the consumer does not acknowledge each message for itself ([`AckPolicy::Explicit`]):
    /// with any other policy, jobs that nobody has done would count as done.
    pub fn new(consumer: PullConsumer) -> Result<Self, QueueError> {
        let info = consumer.cached_info();
        let name = format!("{}/{}", info.stream_name, info.name);
        if info.config.ack_policy != AckPolicy::Explicit {
            let policy = format!("its acknowledgements are {:?}", info.config.ack_policy);
            return Err(failed(
                &name,
                "be a queue",
                "Jobs would be lost: create the consumer with `AckPolicy::Explicit`",
                policy,
            ));
        }
        // Where there is a backoff, it stands for `ack_wait`, by the number of deliveries.
        let lease = info.config.backoff.iter().copied().min().unwrap_or(info.config.ack_wait);
        Ok(Self {
            name,
            lease,
            consumer,
            pull_expires: PULL_EXPIRES,
            retry_after: RETRY_AFTER,
            class_header: None,
            is_quiet: AtomicBool::new(false),
        })
    }

    /// How long a request waits at the broker where there are no jobs: 100 ms where this is not
    /// said. A stop waits for it.
    #[must_use]
    pub fn pull_expires(mut self, after: Duration) -> Self {
        self.pull_expires = after;
        self
    }

    /// When a job whose handler failed is delivered again: after a second where this is not said.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = delay;
        self
    }

    /// The class of a job is what stands in this header of the message. Without this it is the last
    /// token of the subject: `mail` of `jobs.mail`.
    #[must_use]
    pub fn class_header(mut self, header: &str) -> Self {
        self.class_header = Some(header.to_owned());
        self
    }

    fn job(&self, message: Message) -> Result<Job, SourceError> {
        let leased_until = Mutex::new(Instant::now() + self.lease);
        let info = message.info()?;
        let (sequence, deliveries) = (info.stream_sequence, info.delivered.unsigned_abs());
        let client = message.context.client();
        let message = message.message;
        let reply = message.reply.clone().ok_or("a message cannot be acknowledged")?;
        Ok(Job(Arc::new(Delivered { message, client, reply, sequence, deliveries, leased_until })))
    }

    async fn pull(&self, max: usize, jobs: &mut Vec<Job>) -> Result<(), SourceError> {
        let silence = self.pull_expires + LATE;
        let pull = self.consumer.fetch().max_messages(max).expires(self.pull_expires);
        let mut messages = timeout(silence, pull.messages()).await??;
        // JetStream ends the request when it has brought what is there, so that nothing comes
        // behind it that was not asked for.
        while let Some(message) = timeout(silence, messages.next()).await? {
            jobs.push(self.job(message?)?);
        }
        Ok(())
    }

    /// Tells JetStream what became of a job, and waits until it has taken that.
    async fn tell(&self, job: &Job, kind: AckKind, verb: &str) -> Result<(), SourceError> {
        let told = job.0.client.request(job.0.reply.clone(), kind.into()).await;
        told.map(drop).map_err(|error| {
            let verb = format!("{verb} job {}", job.0.sequence);
            failed(&self.name, &verb, AGAIN, error).into()
        })
    }
}

impl Job {
    /// What was published.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.0.message.payload
    }

    /// The subject it was published to.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.0.message.subject.as_str()
    }

    /// The headers of the message.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.0.message.headers.as_ref()
    }

    /// Its number in the stream, which it keeps.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.0.sequence
    }

    /// How often it was handed out, this time included: where it is above one, what it does may be
    /// done already, or half done.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        self.0.deliveries
    }

    /// By this process's clock, which began later than that of the broker.
    fn is_leased(&self) -> bool {
        Instant::now() < *self.0.leased_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Queue {
    type Job = Job;

    /// An error where the consumer is not there any more, and where JetStream refuses the request.
    async fn receive(&self, max: usize) -> Result<Vec<Job>, SourceError> {
        if self.is_quiet.load(Relaxed) {
            return Ok(Vec::new());
        }
        let mut jobs = Vec::new();
        match self.pull(max, &mut jobs).await {
            Err(error) if jobs.is_empty() => {
                Err(failed(&self.name, "be asked for jobs", IS_IT_THERE, error).into())
            }
            // What came is there to be done; a fault that stays is said by the next call.
            _ => Ok(jobs),
        }
    }

    /// Completes when JetStream has confirmed it.
    async fn ack(&self, job: &Job) -> Result<(), SourceError> {
        self.tell(job, AckKind::Ack, "acknowledge").await
    }

    /// Where the lease has passed, another worker may have the job already, and nothing is sent.
    async fn give_back(&self, job: Job) -> Result<(), SourceError> {
        if !job.is_leased() {
            return Ok(());
        }
        self.tell(&job, AckKind::Nak(None), "give back").await
    }

    /// An error where the lease has passed: another worker may have the job.
    async fn renew(&self, job: &Job) -> Result<(), SourceError> {
        if !job.is_leased() {
            let (queue, job) = (self.name.clone(), self.id(job));
            return Err(QueueError::LeaseLost { queue, job }.into());
        }
        let until = Instant::now() + self.lease;
        self.tell(job, AckKind::Progress, "renew").await?;
        *job.0.leased_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        Ok(())
    }

    async fn fail(&self, job: Job, _: &str) -> Result<(), SourceError> {
        if !job.is_leased() {
            return Ok(());
        }
        self.tell(&job, AckKind::Nak(Some(self.retry_after)), "give back").await
    }

    async fn quiet(&self) -> Result<(), SourceError> {
        self.is_quiet.store(true, Relaxed);
        Ok(())
    }

    fn class<'job>(&self, job: &'job Job) -> &'job str {
        let Some(header) = &self.class_header else {
            return job.subject().rsplit('.').next().unwrap_or_default();
        };
        let value = job.headers().and_then(|headers| headers.get(header.as_str()));
        value.map_or("", |value| value.as_str())
    }

    /// Its number in the stream.
    fn id(&self, job: &Job) -> String {
        job.sequence().to_string()
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }
}

fn failed(
    queue: &str,
    verb: &str,
    advice: &'static str,
    source: impl Into<SourceError>,
) -> QueueError {
    let (queue, verb, source) = (queue.to_owned(), verb.to_owned(), source.into());
    QueueError::Broker { queue, verb, advice, source }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("name", &self.name)
            .field("lease", &self.lease)
            .field("pull_expires", &self.pull_expires)
            .field("retry_after", &self.retry_after)
            .field("class_header", &self.class_header)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("subject", &self.subject())
            .field("sequence", &self.sequence())
            .field("deliveries", &self.deliveries())
            .field("bytes", &self.payload().len())
            .finish()
    }
}
