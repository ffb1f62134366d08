//! A queue of RabbitMQ, by the client [`lapin`].
//!
//! What RabbitMQ does at a stop: [`quiet`](Source::quiet) cancels the consumer. Deliveries that
//! were on their way until the broker confirms this, and those that were fetched ahead, go back to
//! their places in the queue, where another worker has them at once. Jobs in flight are
//! acknowledged over the channel they came by, which is open for as long as one of them is: drop or
//! close the [`Connection`] after the consumer has returned, as acknowledgements behind a close are
//! thrown away.
//!
//! There are no leases but the channel: a job is with its worker until the channel or the
//! connection ends, and is delivered again then, marked [`redelivered`](Job::redelivered). RabbitMQ
//! itself closes a channel on which a job was not acknowledged within `consumer_timeout`, 30
//! minutes by default, however alive the worker is: set it above the longest job. A worker that is
//! frozen, or whose network is cut, keeps its jobs until the heartbeat of the connection is missed.
//!
//! A classic queue does not count deliveries. A quorum queue counts each return against its
//! `delivery-limit` (20 by default from RabbitMQ 4.0), those of a stop as well.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use futures_util::{FutureExt, StreamExt, stream::Peekable};
use lapin::{
    BasicProperties, Channel, Connection, Consumer,
    message::Delivery,
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    },
    types::FieldTable,
};
use tokio::sync::{Mutex, watch};

use crate::{QueueError, Source, SourceError};

/// How many jobs a worker has at a time where nothing else is said.
const PREFETCH: u16 = 64;

const CLOSED: &str = "the channel by which it came is closed";
const ENDED: &str = "RabbitMQ has ended the consumer";
const AGAIN: &str = "RabbitMQ delivers what was not acknowledged again, once the channel has ended";
const IS_IT_THERE: &str = "See that RabbitMQ is up and that the queue is declared";

/// A queue of RabbitMQ, to be consumed by one consumer.
///
/// The queue has to be there: it is not declared.
///
/// When a channel ends by an error, [`receive`](Source::receive) says so, and the next one opens
/// another, over the same connection. A connection that is lost comes back where its properties say
/// [`enable_auto_recover`](lapin::ConnectionProperties::enable_auto_recover).
pub struct Queue {
    connection: Arc<Connection>,
    name: String,
    prefetch: u16,
    on_failure: OnFailure,
    open: Mutex<Option<Open>>,
    is_quiet: watch::Sender<bool>,
}

/// A message, and what its handler may know of it. A clone is the same job.
#[derive(Clone)]
pub struct Job(Arc<Delivered>);

#[derive(Clone, Copy, Debug)]
enum OnFailure {
    Requeue,
    DeadLetter,
}

/// A channel with a consumer on it.
struct Open {
    session: Arc<Session>,
    consumer: Peekable<Consumer>,
    tag: lapin::types::ShortString,
}

/// A channel, which is open for as long as a job has to be acknowledged over it.
struct Session {
    channel: Channel,
    /// The consumer, and the jobs that RabbitMQ was not told of yet.
    users: AtomicUsize,
}

struct Delivered {
    session: Arc<Session>,
    delivery: Delivery,
}

impl Queue {
    /// The queue `name`, over a channel of its own, which is opened by the first
    /// [`receive`](Source::receive).
    #[must_use]
    pub fn new(connection: Arc<Connection>, name: impl Into<String>) -> Self {
        Self {
            connection,
            name: name.into(),
            prefetch: PREFETCH,
            on_failure: OnFailure::Requeue,
            open: Mutex::new(None),
            is_quiet: watch::Sender::new(false),
        }
    }

    /// How many jobs RabbitMQ hands out to this worker at a time, running and waiting: 64 where
    /// this is not said, one at least. Below the consumer's concurrency it is the concurrency.
    #[must_use]
    pub fn prefetch(mut self, jobs: u16) -> Self {
        self.prefetch = jobs.max(1);
        self
    }

    /// A job whose handler failed goes to the queue's dead-letter exchange, **and is gone where the
    /// queue has none**. Without this it goes back to its place in the queue, and is delivered
    /// again at once: one that always fails goes round until somebody takes it out.
    #[must_use]
    pub fn dead_letter_failed(mut self) -> Self {
        self.on_failure = OnFailure::DeadLetter;
        self
    }

    async fn open(&self) -> Result<Open, lapin::Error> {
        let channel = self.connection.create_channel().await?;
        channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        let consumer = channel
            .basic_consume(
                self.name.as_str().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        let session = Arc::new(Session { channel, users: AtomicUsize::new(1) });
        Ok(Open { session, tag: consumer.tag(), consumer: consumer.peekable() })
    }

    /// Completes once a stop was asked for.
    async fn stopping(&self) {
        // An error would say that the sender is gone, which is ours.
        let _ = self.is_quiet.subscribe().wait_for(|is_quiet| *is_quiet).await;
    }

    /// Waits until RabbitMQ has carried out what was sent over the channel before.
    ///
    /// AMQP has no answer to an acknowledgement. But the broker works off a channel in order, so
    /// the answer to any question behind it is one; this one changes nothing, and is a single
    /// frame.
    async fn settled(&self, channel: &Channel) -> Result<(), lapin::Error> {
        channel.basic_qos(self.prefetch, BasicQosOptions::default()).await
    }

    /// Waits until it is known that RabbitMQ has taken what is `sent` for a job.
    async fn settle(
        &self,
        job: &Job,
        verb: &str,
        sent: impl Future<Output = Result<bool, lapin::Error>>,
    ) -> Result<(), SourceError> {
        let settled = async {
            if !sent.await? {
                return Err(CLOSED.into());
            }
            self.settled(&job.0.session.channel).await?;
            job.0.session.let_go().await;
            Ok(())
        };
        settled.await.map_err(|error: SourceError| self.failed(&job.named(verb), AGAIN, error))
    }

    fn failed(
        &self,
        verb: &str,
        advice: &'static str,
        source: impl Into<SourceError>,
    ) -> SourceError {
        let (queue, verb, source) = (self.name.clone(), verb.to_owned(), source.into());
        QueueError::Broker { queue, verb, advice, source }.into()
    }
}

impl Open {
    /// Waits for a job, and takes what else has come; the error, if there is one, when the consumer
    /// has ended.
    async fn receive(&mut self, max: usize) -> Result<Vec<Job>, Option<lapin::Error>> {
        let mut jobs = Vec::new();
        while jobs.is_empty() {
            let delivery = self.consumer.next().await.ok_or(None)?;
            self.take(delivery.map_err(Some)?, &mut jobs);
        }
        while jobs.len() < max
            && let Some(Some(Ok(delivery))) =
                Pin::new(&mut self.consumer).next_if(Result::is_ok).now_or_never()
        {
            self.take(delivery, &mut jobs);
        }
        Ok(jobs)
    }

    /// What came before the connection was lost has been delivered again already, where the client
    /// has made the connection anew.
    fn take(&self, delivery: Delivery, jobs: &mut Vec<Job>) {
        if !delivery.acker.poisoned() {
            self.session.users.fetch_add(1, Relaxed);
            jobs.push(Job(Arc::new(Delivered { session: Arc::clone(&self.session), delivery })));
        }
    }
}

impl Session {
    /// Whoever is the last closes the channel. Left to its drop, that would still be under way when
    /// the program closes the connection, which fails then.
    async fn let_go(&self) {
        if self.users.fetch_sub(1, Relaxed) == 1 {
            // All that was to be said over it has been confirmed.
            let _ = self.channel.close(200, "the worker stops".into()).await;
        }
    }
}

impl Job {
    /// What was published.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.0.delivery.data
    }

    /// The properties of the message: its headers, type, ids.
    #[must_use]
    pub fn properties(&self) -> &BasicProperties {
        &self.0.delivery.properties
    }

    /// The exchange it was published to; empty for the default one.
    #[must_use]
    pub fn exchange(&self) -> &str {
        self.0.delivery.exchange.as_str()
    }

    /// The key it was published with.
    #[must_use]
    pub fn routing_key(&self) -> &str {
        self.0.delivery.routing_key.as_str()
    }

    /// Whether it was handed out before: what it does may be done already, or half done.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        self.0.delivery.redelivered
    }

    /// Its number on its channel.
    #[must_use]
    pub fn delivery_tag(&self) -> u64 {
        self.0.delivery.delivery_tag
    }

    fn named(&self, verb: &str) -> String {
        format!("{verb} job {}", self.name())
    }

    fn name(&self) -> String {
        match self.properties().message_id() {
            Some(id) => id.to_string(),
            None => self.delivery_tag().to_string(),
        }
    }
}

impl Source for Queue {
    type Job = Job;

    /// An error where the channel or its consumer has ended, and where none can be opened: the
    /// queue is not there, or the connection is lost.
    async fn receive(&self, max: usize) -> Result<Vec<Job>, SourceError> {
        let mut slot = self.open.lock().await;
        if *self.is_quiet.borrow() {
            return Ok(Vec::new());
        }
        let open = match &mut *slot {
            Some(open) => open,
            // Not given up half-way: lapin closes no connection well on which a channel is opened.
            none => {
                let opened = self.open().await;
                none.insert(opened.map_err(|error| self.failed("be consumed", IS_IT_THERE, error))?)
            }
        };
        let ended = tokio::select! {
            biased;
            () = self.stopping() => return Ok(Vec::new()),
            received = open.receive(max) => match received {
                Ok(jobs) => return Ok(jobs),
                Err(ended) => ended,
            },
        };
        let Some(error) = ended else {
            *slot = None;
            return Err(self.failed("be consumed", IS_IT_THERE, ENDED));
        };
        let failed = self.failed("be consumed", AGAIN, error.clone());
        tokio::select! {
            () = self.stopping() => {}
            recovered = open.session.channel.wait_for_recovery(error) => {
                if recovered.is_err() {
                    *slot = None;
                }
            }
        }
        Err(failed)
    }

    /// Completes when RabbitMQ has taken the acknowledgement, which costs one exchange with it:
    /// without, it might still stand in a buffer of this process. It is lost with a broker that
    /// crashes before it has written it.
    async fn ack(&self, job: &Job) -> Result<(), SourceError> {
        self.settle(job, "acknowledge", job.0.delivery.acker.ack(BasicAckOptions::default())).await
    }

    async fn give_back(&self, job: Job) -> Result<(), SourceError> {
        self.settle(&job, "give back", job.0.delivery.acker.nack(requeue(true))).await
    }

    async fn fail(&self, job: Job, _: &str) -> Result<(), SourceError> {
        match self.on_failure {
            OnFailure::Requeue => self.give_back(job).await,
            OnFailure::DeadLetter => {
                self.settle(&job, "dead-letter", job.0.delivery.acker.nack(requeue(false))).await
            }
        }
    }

    /// There is nothing to renew: says whether the channel by which the job came is open.
    async fn renew(&self, job: &Job) -> Result<(), SourceError> {
        if job.0.delivery.acker.poisoned() || !job.0.session.channel.status().connected() {
            return Err(self.failed(&job.named("keep"), AGAIN, CLOSED));
        }
        Ok(())
    }

    async fn quiet(&self) -> Result<(), SourceError> {
        self.is_quiet.send_replace(true);
        let mut slot = self.open.lock().await;
        let Some(open) = &mut *slot else { return Ok(()) };
        let given_back = async {
            open.session
                .channel
                .basic_cancel(open.tag.clone(), BasicCancelOptions::default())
                .await?;
            // Behind the last delivery stands the end, since the broker has confirmed it.
            while let Some(delivery) = open.consumer.next().await {
                delivery?.acker.nack(requeue(true)).await?;
            }
            self.settled(&open.session.channel).await?;
            open.session.let_go().await;
            Ok::<_, lapin::Error>(())
        };
        let given_back = given_back.await;
        *slot = None;
        given_back.map_err(|error| self.failed("be told of the stop", AGAIN, error))
    }

    /// The `type` of the message's properties.
    fn class<'job>(&self, job: &'job Job) -> &'job str {
        job.properties().kind().as_ref().map_or("", |kind| kind.as_str())
    }

    /// The message's id, or its number on the channel.
    fn id(&self, job: &Job) -> String {
        job.name()
    }
}

fn requeue(requeue: bool) -> BasicNackOptions {
    BasicNackOptions { requeue, multiple: false }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("name", &self.name)
            .field("prefetch", &self.prefetch)
            .field("on_failure", &self.on_failure)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("delivery_tag", &self.delivery_tag())
            .field("properties", self.properties())
            .field("redelivered", &self.redelivered())
            .field("bytes", &self.body().len())
            .finish()
    }
}
