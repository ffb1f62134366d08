//! A queue of Amazon SQS, by its SDK [`aws_sdk_sqs`].
//!
//! What SQS does at a stop: a request for messages cannot be taken back, so the one that is under
//! way is waited for, [`wait`](Queue::wait) at most (1 s), and what it still brings is with another
//! worker at once. Were the request cut, SQS would have handed out such a message, and nobody would
//! have it until its lease ends.
//!
//! The lease of a job is its visibility timeout, and is renewed while the job is worked on. No lease
//! goes beyond twelve hours from the receive: a job has to be done before. Each delivery counts
//! against the queue's `maxReceiveCount`, that of a job which a stop gives back as well.
//!
//! TLS, credentials, retries and the time for a connection are those of the client. A request that
//! is not answered for ten seconds is given up here.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    future::Future,
    iter,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use aws_sdk_sqs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{
        Message, MessageAttributeValue, MessageSystemAttributeName::ApproximateReceiveCount,
        QueueAttributeName,
    },
};
use tokio::time::{Instant, timeout};

use crate::{QueueError, Source, SourceError};

const LEASE: Duration = Duration::from_secs(30);
/// What SQS takes as a visibility timeout.
const LONGEST_LEASE: Duration = Duration::from_secs(12 * 60 * 60);
const WAIT: Duration = Duration::from_secs(1);
/// What SQS takes as a wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// What a request and its answer may take of the twelve hours.
const MARGIN: Duration = Duration::from_secs(60);
/// What one request brings at most.
const MOST: usize = 10;
/// What an answer may be late, before it is held to be lost.
const LATE: Duration = Duration::from_secs(10);

const AGAIN: &str = "SQS may deliver it again when its lease has passed";

/// The messages of a queue, standard or FIFO. A request brings several of one message group of a FIFO
/// queue: they are worked on in order by a consumer of `concurrency(1)` alone.
///
/// ```no_run
/// # async fn example(client: aws_sdk_sqs::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use lifecycle_work::sqs::Queue;
///
/// let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs";
/// let queue = Queue::new(client, url).await?.class_attribute("kind");
/// # Ok(())
/// # }
/// ```
pub struct Queue {
    client: Client,
    url: String,
    name: String,
    lease: Duration,
    wait: Duration,
    retry_after: Duration,
    class_attribute: Option<String>,
    is_quiet: AtomicBool,
}

/// A message, and what its handler may know of it. A clone is the same job.
#[derive(Clone)]
pub struct Job(Arc<Delivered>);

struct Delivered {
    message: Message,
    id: String,
    receipt: String,
    deliveries: u64,
    /// Before SQS was asked for it.
    asked: Instant,
    leased_until: Mutex<Instant>,
}

impl Queue {
    /// The queue at `url`, whose attributes are asked for. A `maxReceiveCount` of one is warned of
    /// in the log: each stop would send what it gives back to the dead letters.
    ///
    /// # Errors
    /// When there is no such queue, and when SQS cannot be reached or refuses the request.
    pub async fn new(client: Client, url: impl Into<String>) -> Result<Self, QueueError> {
        let url = url.into();
        let name = url.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default().to_owned();
        let request = client
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueAttributeName::VisibilityTimeout)
            .attribute_names(QueueAttributeName::RedrivePolicy);
        let answer = answer(LATE, request.send()).await;
        let answer = answer
            .map_err(|lost| failed(&name, "be asked for its attributes", lost.advice, lost))?;
        let attributes = answer.attributes.unwrap_or_default();
        let policy = attributes.get(&QueueAttributeName::RedrivePolicy);
        if policy.and_then(|policy| max_receive_count(policy)) == Some(1) {
            tracing::warn!(
                target: "lifecycle::work",
                queue = name,
                "the queue `{name}` sends what was received once to its dead letters, also what a \
                 stop gives back: set `maxReceiveCount` of its redrive policy to some more",
            );
        }
        let timeout = attributes.get(&QueueAttributeName::VisibilityTimeout);
        let timeout =
            timeout.and_then(|seconds| seconds.parse().ok()).filter(|seconds| *seconds > 0);
        Ok(Self {
            client,
            url,
            name,
            lease: timeout.map_or(LEASE, Duration::from_secs),
            wait: WAIT,
            retry_after: RETRY_AFTER,
            class_attribute: None,
            is_quiet: AtomicBool::new(false),
        })
    }

    /// How long a job is a worker's alone before it has to renew its lease: the visibility timeout
    /// of the queue where this is not said, and 30 s where that is zero. SQS counts whole seconds,
    /// and is told the next one; twelve hours at most.
    ///
    /// # Panics
    /// When it is zero.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        assert!(!lease.is_zero(), "a lease of no time is none");
        self.lease = lease.min(LONGEST_LEASE);
        self
    }

    /// How long a request waits at SQS where there are no jobs: a second where this is not said. A
    /// stop waits for it, as long as the consumer's `settle` (5 s) says. SQS takes whole seconds, up to twenty: parts of one do not count.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = Duration::from_secs(wait.as_secs()).min(LONGEST_WAIT);
        self
    }

    /// When a job whose handler failed is delivered again: after a second where this is not said.
    /// SQS counts whole seconds, and is told the next one.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = delay.min(LONGEST_LEASE);
        self
    }

    /// The class of a job is the text in this attribute of the message. Without this it has none.
    #[must_use]
    pub fn class_attribute(mut self, name: &str) -> Self {
        self.class_attribute = Some(name.to_owned());
        self
    }

    fn job(&self, message: Message, asked: Instant) -> Result<Job, SourceError> {
        let leased_until = Mutex::new(Instant::now() + self.lease);
        let id = message.message_id().ok_or("a message has no id")?.to_owned();
        let receipt = message.receipt_handle().ok_or("a message has no receipt")?.to_owned();
        let count = message.attributes().and_then(|known| known.get(&ApproximateReceiveCount));
        let deliveries = count.and_then(|count| count.parse().ok()).unwrap_or(1);
        Ok(Job(Arc::new(Delivered { message, id, receipt, deliveries, asked, leased_until })))
    }

    async fn ask(&self, max: usize) -> Result<Vec<Message>, Lost> {
        let request = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(max.min(MOST) as i32)
            .wait_time_seconds(seconds(self.wait))
            // A queue whose timeout was changed meanwhile does not shorten the lease.
            .visibility_timeout(seconds(self.lease))
            .message_system_attribute_names(ApproximateReceiveCount)
            .message_attribute_names("All");
        let answer = answer(self.wait + LATE, request.send()).await?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Makes a job invisible for so long from now on.
    async fn hide(&self, job: &Job, time: Duration, verb: &str) -> Result<(), SourceError> {
        let request = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(&job.0.receipt)
            .visibility_timeout(seconds(time));
        self.told(job, verb, answer(LATE, request.send()).await)
    }

    fn told<T>(&self, job: &Job, verb: &str, told: Result<T, Lost>) -> Result<(), SourceError> {
        told.map(drop).map_err(|lost| {
            let verb = format!("{verb} job {}", job.message_id());
            failed(&self.name, &verb, AGAIN, lost).into()
        })
    }
}

impl Job {
    /// What was sent.
    #[must_use]
    pub fn body(&self) -> &str {
        self.0.message.body().unwrap_or_default()
    }

    /// What SQS called the message when it was sent, which it keeps.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.0.id
    }

    /// How often it was handed out, this time included: where it is above one, what it does may be
    /// done already, or half done. SQS says that it is approximate.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        self.0.deliveries
    }

    /// The attributes that the sender gave the message.
    #[must_use]
    pub fn attributes(&self) -> Option<&HashMap<String, MessageAttributeValue>> {
        self.0.message.message_attributes()
    }

    /// So long, or as long as SQS lets it yet: it refuses what goes beyond.
    fn at_most(&self, time: Duration) -> Duration {
        time.min(LONGEST_LEASE.saturating_sub(self.0.asked.elapsed() + MARGIN))
    }

    /// By this process's clock, which began later than that of SQS.
    fn is_leased(&self) -> bool {
        Instant::now() < *self.0.leased_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Queue {
    type Job = Job;

    /// Ten at most. An error where the queue is not there any more, and where SQS refuses the
    /// request.
    async fn receive(&self, max: usize) -> Result<Vec<Job>, SourceError> {
        if self.is_quiet.load(Relaxed) {
            return Ok(Vec::new());
        }
        let asked = Instant::now();
        let messages = self.ask(max).await;
        let messages =
            messages.map_err(|lost| failed(&self.name, "be asked for jobs", lost.advice, lost))?;
        messages.into_iter().map(|message| self.job(message, asked)).collect()
    }

    /// Completes when SQS has confirmed it.
    async fn ack(&self, job: &Job) -> Result<(), SourceError> {
        let request = self.client.delete_message().queue_url(&self.url);
        let request = request.receipt_handle(&job.0.receipt);
        self.told(job, "acknowledge", answer(LATE, request.send()).await)
    }

    /// Where the lease has passed, another worker may have the job already, and nothing is sent.
    async fn give_back(&self, job: Job) -> Result<(), SourceError> {
        if !job.is_leased() {
            return Ok(());
        }
        self.hide(&job, Duration::ZERO, "give back").await
    }

    /// An error where the lease has passed: another worker may have the job.
    async fn renew(&self, job: &Job) -> Result<(), SourceError> {
        if !job.is_leased() {
            let (queue, job) = (self.name.clone(), self.id(job));
            return Err(QueueError::LeaseLost { queue, job }.into());
        }
        let lease = job.at_most(self.lease);
        let until = Instant::now() + lease;
        self.hide(job, lease, "renew").await?;
        *job.0.leased_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        Ok(())
    }

    async fn fail(&self, job: Job, _: &str) -> Result<(), SourceError> {
        if !job.is_leased() {
            return Ok(());
        }
        self.hide(&job, job.at_most(self.retry_after), "give back").await
    }

    async fn quiet(&self) -> Result<(), SourceError> {
        self.is_quiet.store(true, Relaxed);
        Ok(())
    }

    fn class<'job>(&self, job: &'job Job) -> &'job str {
        let name = self.class_attribute.as_ref();
        let attribute = name.and_then(|name| job.attributes()?.get(name));
        attribute.and_then(MessageAttributeValue::string_value).unwrap_or_default()
    }

    /// What SQS called the message.
    fn id(&self, job: &Job) -> String {
        job.message_id().to_owned()
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }
}

/// As SQS counts: never less than what is counted here.
fn seconds(time: Duration) -> i32 {
    let part = u64::from(time.subsec_nanos() > 0);
    (time.as_secs() + part).try_into().unwrap_or(i32::MAX)
}

/// It stands there as a number or as text, by who has set it.
fn max_receive_count(policy: &str) -> Option<u64> {
    let policy: serde_json::Value = serde_json::from_str(policy).ok()?;
    let count = policy.get("maxReceiveCount")?;
    count.as_u64().or_else(|| count.as_str()?.parse().ok())
}

/// Why there is no answer, and what to do about the queue.
#[derive(Debug)]
struct Lost {
    error: SourceError,
    advice: &'static str,
}

impl fmt::Display for Lost {
    /// With its causes: the outermost of them is "service error".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        iter::successors(self.error.source(), |&error| error.source())
            .try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl Error for Lost {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}

/// What SQS says to a request, within this time.
async fn answer<T, E>(
    within: Duration,
    request: impl Future<Output = Result<T, SdkError<E>>>,
) -> Result<T, Lost>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let reach = "See that SQS can be reached, in this region and with these credentials";
    let Ok(answer) = timeout(within, request).await else {
        return Err(Lost { error: "there is no answer".into(), advice: reach });
    };
    answer.map_err(|error| {
        let code = error.code().unwrap_or_default();
        let advice = match code {
            _ if code.contains("NonExistentQueue") || code.contains("QueueDoesNotExist") => {
                "Create it, or look whether its URL and the region of the client are right"
            }
            "AccessDenied" | "AccessDeniedException" => {
                "Let these credentials do `sqs:GetQueueAttributes`, `sqs:ReceiveMessage`, \
                 `sqs:ChangeMessageVisibility` and `sqs:DeleteMessage` there"
            }
            _ => reach,
        };
        Lost { error: error.into(), advice }
    })
}

fn failed(queue: &str, verb: &str, advice: &'static str, lost: Lost) -> QueueError {
    let (queue, verb, source) = (queue.to_owned(), verb.to_owned(), lost.into());
    QueueError::Broker { queue, verb, advice, source }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("name", &self.name)
            .field("lease", &self.lease)
            .field("wait", &self.wait)
            .field("retry_after", &self.retry_after)
            .field("class_attribute", &self.class_attribute)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("message_id", &self.message_id())
            .field("deliveries", &self.deliveries())
            .field("bytes", &self.body().len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_lease_goes_beyond_twelve_hours_from_the_receive() {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        let now = Instant::now();
        let job = Job(Arc::new(Delivered {
            message: Message::builder().build(),
            id: "a".to_owned(),
            receipt: "b".to_owned(),
            deliveries: 1,
            asked: now,
            leased_until: now.into(),
        }));
        assert_eq!(job.at_most(HOUR), HOUR);
        assert_eq!(job.at_most(LONGEST_LEASE), LONGEST_LEASE - MARGIN);
        advance(11 * HOUR + HOUR / 2).await;
        assert_eq!(job.at_most(HOUR), HOUR / 2 - MARGIN);
        advance(HOUR).await;
        assert_eq!(job.at_most(HOUR), Duration::ZERO);
    }

    #[test]
    fn a_redrive_policy_has_its_count_as_a_number_or_as_text() {
        let count = |count| max_receive_count(&format!(r#"{{"maxReceiveCount":{count}}}"#));
        assert_eq!((count("1"), count(r#""12""#)), (Some(1), Some(12)));
        assert_eq!(
            (count("null"), max_receive_count("{}"), max_receive_count("")),
            (None, None, None)
        );
    }
}
