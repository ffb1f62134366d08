//! The member of the group: one thread polls and lets partitions come and go, one commits. Both block,
//! and neither is a task, as a runtime waits for no thread of ours when it ends.

use std::{
    fmt, io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use lifecycle_work::{QueueError, SourceError};
use rdkafka::{
    ClientConfig, ClientContext, Message, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::OwnedMessage,
    topic_partition_list::Offset,
};
use tokio::sync::{Notify, oneshot, watch};

use crate::{
    config,
    partitions::{Partitions, Place, Position, Ticket, Waiting},
};

/// How long a job whose partition was taken away may go on before it is dropped.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// How long an acknowledgement waits for its commit.
const COMMIT: Duration = Duration::from_secs(10);
const REBALANCE_WAIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// How often is looked whether others have the partitions that are waited for.
const LOOK: Duration = Duration::from_millis(100);
const RETRY_COMMIT: Duration = Duration::from_millis(100);
/// How long a commit of another generation is tried again: it may cross the beginning of one, and
/// else the group goes on without this member.
const ANOTHER_GENERATION: Duration = Duration::from_secs(2);

const CAN_IT_BE_REACHED: &str = "See that Kafka can be reached, that the topics are there, and that \
                                 the group may read them";

/// Why a job that is done is not committed.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// Its partition is not this worker's any more, or it was decided before.
    Lost,
    /// Kafka has not answered in time.
    Silent,
    /// Kafka refuses it.
    Broker(KafkaError),
}

pub(crate) struct Group {
    name: String,
    longest_wait: Duration,
    state: Mutex<State>,
    /// For the threads: something was decided, committed or closed.
    changed: Condvar,
    /// For `receive`: something is there to be handed out, or never will be.
    arrived: Notify,
    left: watch::Sender<bool>,
}

struct State {
    partitions: Partitions<Arc<OwnedMessage>, oneshot::Sender<KafkaResult<()>>>,
    rebalance_wait: Duration,
    error: Option<KafkaError>,
    /// Nobody is there who could ask for jobs.
    is_closed: bool,
    /// The thread that polls has ended.
    has_left: bool,
}

impl Group {
    /// Joins in the background.
    pub(crate) fn join(
        config: &ClientConfig,
        name: String,
        topics: &[&str],
    ) -> Result<Arc<Self>, QueueError> {
        let longest_wait = config::max_poll_interval(config).saturating_sub(2 * LEASE);
        let state = State {
            partitions: Partitions::new(),
            rebalance_wait: REBALANCE_WAIT.min(longest_wait),
            error: None,
            is_closed: false,
            has_left: false,
        };
        let group = Arc::new(Self {
            name,
            longest_wait,
            state: state.into(),
            changed: Condvar::new(),
            arrived: Notify::new(),
            left: watch::Sender::new(false),
        });
        let advice = "Mend its configuration";
        let created = config.create_with_context(Member(Arc::clone(&group)));
        let consumer: Arc<BaseConsumer<Member>> =
            Arc::new(created.map_err(|error| group.cannot("be joined", advice, error))?);
        let subscribed = consumer.subscribe(topics);
        subscribed.map_err(|error| group.cannot("be joined", advice, error))?;
        group.start(consumer).map_err(|error| {
            group.cannot("be joined", "See why no thread can be started", error)
        })?;
        Ok(group)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn set_rebalance_wait(&self, time: Duration) {
        self.state().rebalance_wait = time.min(self.longest_wait);
    }

    /// Waits for jobs, so long at most, and hands them out.
    pub(crate) async fn receive(
        &self,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<(Ticket, Waiting<Arc<OwnedMessage>>)>, SourceError> {
        let end = Instant::now() + wait;
        loop {
            let arrived = self.arrived.notified();
            let now = Instant::now();
            let next = {
                let mut state = self.state();
                let taken = state.partitions.take(max, now);
                if !taken.is_empty() || state.partitions.is_quiet() || now >= end {
                    return Ok(taken);
                }
                if let Some(error) = state.take_error() {
                    let error = self.cannot("be asked for jobs", CAN_IT_BE_REACHED, error);
                    return Err(error.into());
                }
                state.partitions.next_due().map_or(end, |due| due.min(end))
            };
            let _ = tokio::time::timeout_at(next.into(), arrived).await;
        }
    }

    pub(crate) fn holds(&self, ticket: &Ticket) -> bool {
        self.state().partitions.holds(ticket)
    }

    /// Completes when it is committed.
    pub(crate) async fn done(&self, ticket: &Ticket) -> Result<(), NotDone> {
        let (waiter, committed) = oneshot::channel();
        let done = self.state().partitions.done(ticket, waiter);
        done.map_err(|_| NotDone::Lost)?;
        self.decided();
        match tokio::time::timeout(COMMIT, committed).await {
            Ok(Ok(committed)) => committed.map_err(NotDone::Broker),
            Ok(Err(_revoked)) => Err(NotDone::Lost),
            Err(_) => Err(NotDone::Silent),
        }
    }

    /// It is the next of its partition once more.
    pub(crate) fn again(
        &self,
        ticket: &Ticket,
        message: &Arc<OwnedMessage>,
        failures: u32,
        not_before: Option<Instant>,
    ) {
        let (offset, message) = (ticket.offset, Arc::clone(message));
        let waiting = Waiting { offset, message, failures, not_before };
        self.state().partitions.again(ticket, waiting);
        self.decided();
    }

    /// Its handler is gone.
    pub(crate) fn dropped(&self, ticket: &Ticket, message: &Arc<OwnedMessage>, failures: u32) {
        self.state().partitions.gone(ticket);
        self.again(ticket, message, failures, None);
    }

    /// Nothing more is handed out.
    pub(crate) fn quiet(&self) {
        self.state().partitions.quiet();
        self.decided();
    }

    /// Whether it leaves for good, or has left.
    pub(crate) fn is_leaving(&self) -> bool {
        let state = self.state();
        state.has_left || state.is_to_leave()
    }

    /// Waits until it has left the group, or has given up on that.
    pub(crate) async fn left(&self) {
        let _ = self.left.subscribe().wait_for(|left| *left).await;
    }

    /// Nobody asks for jobs any more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.partitions.quiet();
        state.is_closed = true;
        drop(state);
        self.decided();
    }

    fn decided(&self) {
        self.changed.notify_all();
        self.arrived.notify_one();
    }

    fn start(self: &Arc<Self>, consumer: Arc<BaseConsumer<Member>>) -> io::Result<()> {
        let commits = {
            let (group, consumer) = (Arc::clone(self), Arc::clone(&consumer));
            let thread = thread::Builder::new().name("kafka-commits".to_owned());
            thread.spawn(move || group.commit_all(&consumer))
        };
        let thread = thread::Builder::new().name("kafka-group".to_owned());
        let group = Arc::clone(self);
        let polls = commits.and_then(|commits| {
            thread.spawn(move || {
                group.poll_all(&consumer);
                let _ = commits.join();
                // Leaves the group. Nobody else has it by now.
                drop(consumer);
                group.left.send_replace(true);
            })
        });
        if polls.is_err() {
            self.end();
        }
        polls.map(drop)
    }

    /// Until the member is to leave.
    fn poll_all(&self, consumer: &BaseConsumer<Member>) {
        while !self.state().is_to_leave() {
            match consumer.poll(POLL) {
                Some(Ok(message)) => {
                    self.state().recovered();
                    let place = Place::of(message.topic(), message.partition());
                    let message = Arc::new(message.detach());
                    let offset = message.offset();
                    if self.state().partitions.arrive(&place, offset, message) {
                        self.say(consumer.pause(&list([place])));
                    }
                    self.arrived.notify_one();
                }
                // The configuration may ask to be told of it.
                Some(Err(KafkaError::PartitionEOF(_))) | None => {}
                Some(Err(error)) => {
                    let is_fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
                    let mut state = self.state();
                    state.error = Some(error);
                    if is_fatal {
                        // Without a word about the partitions: another member has them.
                        state.partitions.revoke_all(Instant::now() + LEASE);
                    }
                    drop(state);
                    self.decided();
                    // One that stays is there at once each time.
                    thread::sleep(POLL);
                }
            }
            let resumed = self.state().partitions.resumed();
            if !resumed.is_empty() {
                self.say(consumer.resume(&list(resumed)));
            }
        }
        self.end();
    }

    fn end(&self) {
        self.state().has_left = true;
        self.changed.notify_all();
    }

    /// Until the thread that polls has ended and nothing is left to commit.
    fn commit_all(&self, consumer: &BaseConsumer<Member>) {
        let mut fenced = None;
        loop {
            let positions = {
                let is_idle =
                    |state: &mut State| !state.has_left && state.partitions.to_commit().is_empty();
                let waited = self.changed.wait_while(self.state(), is_idle);
                waited.unwrap_or_else(PoisonError::into_inner).partitions.to_commit()
            };
            if positions.is_empty() {
                return;
            }
            // librdkafka tells of an error where none of a list was committed: a list is of one topic,
            // whose partitions share their fate.
            for positions in positions.chunk_by(|one, other| one.place.topic == other.place.topic) {
                self.commit(consumer, positions, &mut fenced);
            }
        }
    }

    /// `fenced`: since when the group takes no commit of this member.
    fn commit(
        &self,
        consumer: &BaseConsumer<Member>,
        positions: &[Position],
        fenced: &mut Option<Instant>,
    ) {
        let mut offsets = TopicPartitionList::new();
        let mut committed = Ok(());
        for Position { place, next, .. } in positions {
            let offset = Offset::Offset(*next);
            committed = committed
                .and_then(|()| offsets.add_partition_offset(&place.topic, place.partition, offset));
        }
        committed = committed.and_then(|()| consumer.commit(&offsets, CommitMode::Sync));
        let is_fenced = committed.as_ref().is_err_and(is_fenced);
        let since = *fenced.get_or_insert_with(Instant::now);
        if !is_fenced {
            *fenced = None;
        }
        let may_pass = is_fenced && since.elapsed() < ANOTHER_GENERATION
            || committed.as_ref().is_err_and(is_temporary);
        if may_pass && !self.state().has_left {
            thread::sleep(RETRY_COMMIT);
            return;
        }
        let mut state = self.state();
        for position in positions {
            for waiter in state.partitions.committed(position, committed.is_err()) {
                let _ = waiter.send(committed.clone());
            }
        }
        drop(state);
        self.decided();
    }

    /// Waits for what of these is in hand, so that it is committed before others have them. Nobody
    /// waits where others have them already. Returns those whose fetching pauses.
    fn hand_over(&self, places: &[Place], is_lost: impl Fn() -> bool) -> Vec<Place> {
        self.state().partitions.leave(places);
        let wait = self.state().rebalance_wait;
        self.wait_while(wait, |state| !state.partitions.are_idle(places) && !is_lost());
        let (is_idle, paused) = {
            let mut state = self.state();
            let is_idle = state.partitions.are_idle(places);
            (is_idle, state.partitions.revoke(places, Instant::now() + LEASE))
        };
        if is_idle {
            return paused;
        }
        let queue = &self.name;
        tracing::warn!(
            target: "lifecycle::work",
            queue,
            "a rebalance has taken partitions of the queue `{queue}` whose jobs run: those are \
             dropped, and run again"
        );
        // Others would begin them beside handlers that are not dropped yet.
        self.wait_while(LEASE, |state| state.partitions.are_lost(places) && !is_lost());
        paused
    }

    /// While it is so, and somebody is there, so long at most.
    fn wait_while(&self, time: Duration, mut is_so: impl FnMut(&State) -> bool) {
        let end = Instant::now() + time;
        let mut state = self.state();
        while !state.is_closed && is_so(&state) && Instant::now() < end {
            let waited = self.changed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn say(&self, result: KafkaResult<()>) {
        if let Err(error) = result {
            self.state().error = Some(error);
        }
    }

    fn cannot(
        &self,
        verb: &str,
        advice: &'static str,
        source: impl Into<SourceError>,
    ) -> QueueError {
        let (queue, verb, source) = (self.name.clone(), verb.to_owned(), source.into());
        QueueError::Broker { queue, verb, advice, source }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What was wrong is not any more, as messages come.
    fn recovered(&mut self) {
        self.error.take_if(|error| !matches!(error, KafkaError::MessageConsumptionFatal(_)));
    }

    /// Each is said once, but for one that the member cannot recover from.
    fn take_error(&mut self) -> Option<KafkaError> {
        match &self.error {
            Some(error @ KafkaError::MessageConsumptionFatal(_)) => Some(error.clone()),
            _ => self.error.take(),
        }
    }

    fn is_to_leave(&self) -> bool {
        self.is_closed || self.partitions.is_quiet() && self.partitions.is_idle()
    }
}

/// What librdkafka asks, in the thread that polls.
struct Member(Arc<Group>);

impl ClientContext for Member {}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                self.0.state().partitions.assign(places(partitions));
            }
            Rebalance::Revoke(partitions) => {
                let places = places(partitions);
                let paused = self.0.hand_over(&places, || consumer.assignment_lost());
                // librdkafka keeps what is paused over the assignments: one that comes back would
                // never be fetched.
                if !paused.is_empty() {
                    self.0.say(consumer.resume(&list(paused)));
                }
            }
            Rebalance::Error(error) => {
                self.0.state().error = Some(error.clone());
                self.0.arrived.notify_one();
            }
        }
    }
}

impl Place {
    fn of(topic: &str, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

fn places(partitions: &TopicPartitionList) -> Vec<Place> {
    let elements = partitions.elements();
    elements.iter().map(|element| Place::of(element.topic(), element.partition())).collect()
}

fn list(places: impl IntoIterator<Item = Place>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for place in places {
        list.add_partition(&place.topic, place.partition);
    }
    list
}

/// Whether the same may work a little later.
fn is_temporary(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        BrokerTransportFailure, CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator,
        OperationTimedOut, RebalanceInProgress, RequestTimedOut, WaitingForCoordinator,
    };
    let temporary = [
        BrokerTransportFailure,
        CoordinatorLoadInProgress,
        CoordinatorNotAvailable,
        NotCoordinator,
        OperationTimedOut,
        RebalanceInProgress,
        RequestTimedOut,
        WaitingForCoordinator,
    ];
    error.rdkafka_error_code().is_some_and(|code| temporary.contains(&code))
}

/// Whether the group is of another generation than this member, or does not know it.
fn is_fenced(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{IllegalGeneration, StaleMemberEpoch, UnknownMemberId};
    let fenced = [IllegalGeneration, StaleMemberEpoch, UnknownMemberId];
    error.rdkafka_error_code().is_some_and(|code| fenced.contains(&code))
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("its partition is no longer with this worker"),
            Self::Silent => f.write_str("there is no answer"),
            Self::Broker(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for NotDone {}
