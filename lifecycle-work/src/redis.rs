//! A stream of Redis as a queue, by a consumer group; feature `redis`. Redis 7 or Valkey.
//!
//! A lease is the time for which an entry of the group is idle: it is renewed by `XCLAIM`, and when it
//! has run out, another worker claims the entry by `XAUTOCLAIM`. Redis itself lets anybody acknowledge
//! an entry, so each change is a script that first looks whether this worker still has it. What a
//! worker says about a job that another has changes nothing, and is an error.
//!
//! **At a stop.** A read that is under way is ended by `CLIENT UNBLOCK`, and what it had got already is
//! returned. Redis has no way to put an entry back: a job that is given back is added anew, with its
//! fields and its first id, and the old entry deleted, all in one step; so a worker that waits has it
//! at once, and where others wait in the stream it stands **behind** them. That counts as no attempt. A
//! job that is neither acknowledged nor given back, as after `kill -9`, is delivered again when its
//! lease has run out, and that counts as one.
//!
//! A job that failed is delivered again when its lease has run out: Redis has no other way to wait.
//!
//! One group reads a stream, as an acknowledged job is deleted from it.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ::redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, Value,
    aio::MultiplexedConnection, cmd, from_redis_value,
};
use tokio::time;

use crate::{QueueError, Source, SourceError};

/// For how long a read waits on the server. A stop ends it before.
const BLOCK: Duration = Duration::from_secs(1);

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A stream of jobs.
///
/// ```no_run
/// # async fn queue() -> Result<(), Box<dyn std::error::Error>> {
/// use lifecycle_work::redis::Queue;
///
/// let queue = Queue::new(redis::Client::open("redis://127.0.0.1/")?, "jobs");
/// queue.enqueue("mail", r#"{"to": "a@example.org"}"#).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Queue {
    stream: String,
    group: String,
    /// No other has this name, so that `XINFO` says where a job is.
    worker: String,
    lease: Duration,
    commands: Link,
    /// Waits on the server, so that no command can be behind it.
    reader: Link,
    is_reading: AtomicBool,
    has_group: AtomicBool,
    claims: Mutex<Claims>,
    is_quiet: AtomicBool,
}

/// A job, and the delivery by which this worker has it.
#[derive(Clone, Debug)]
pub struct Job {
    /// The id of the entry in which it was enqueued. It stays when the job is given back.
    pub id: Arc<str>,
    /// What kind of job it is, which is its class as well.
    pub kind: Arc<str>,
    /// What was enqueued.
    pub payload: Arc<[u8]>,
    /// How many attempts before this one failed, or ended with their process.
    pub attempts: u32,
    entry: Arc<str>,
    delivery: u32,
}

impl Queue {
    /// The queue in this stream, which is made when it is first read or written. Does not connect.
    pub fn new(client: Client, stream: &str) -> Self {
        // The hasher's keys are random.
        let random = RandomState::new().hash_one(0);
        Self {
            stream: stream.to_owned(),
            group: "workers".to_owned(),
            worker: format!("{}-{random:016x}", process::id()),
            lease: Duration::from_secs(30),
            commands: Link::new(client.clone(), ANSWER_TIMEOUT),
            reader: Link::new(client, BLOCK + ANSWER_TIMEOUT),
            is_reading: AtomicBool::new(false),
            has_group: AtomicBool::new(false),
            claims: Mutex::new(Claims { last: None, cursor: "0-0".to_owned() }),
            is_quiet: AtomicBool::new(false),
        }
    }

    /// How long a job is a worker's alone before it has to renew its lease: 30 s where nothing is said.
    /// It is to be the same in all workers of a queue, as each claims by its own.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// What the consumer group is called: `workers` where nothing is said.
    #[must_use]
    pub fn group(mut self, name: &str) -> Self {
        name.clone_into(&mut self.group);
        self
    }

    /// Puts a job into the queue, and returns its id. When it returns, the server has it.
    ///
    /// Dropped before, the server may have it or not.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn enqueue(
        &self,
        kind: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<String, QueueError> {
        let mut add = cmd("XADD");
        add.arg(&self.stream).arg("*").arg("kind").arg(kind).arg("payload").arg(payload.as_ref());
        // Not tried twice: the first may have been done.
        self.commands.ask_once(&add).await.map_err(|error| self.failed("take a job", error))
    }

    async fn jobs(&self, max: usize) -> Result<Vec<Job>, RedisError> {
        if !self.has_group.load(Ordering::Relaxed) {
            self.make_group().await?;
        }
        let claimed = self.claim(max).await?;
        if claimed.is_empty() { self.read(max).await } else { Ok(claimed) }
    }

    async fn make_group(&self) -> Result<(), RedisError> {
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(&self.stream).arg(&self.group).arg("0").arg("MKSTREAM");
        match self.commands.ask::<()>(&create).await {
            Err(error) if error.code() != Some("BUSYGROUP") => return Err(error),
            _ => {}
        }
        // Each process has a name of its own, and the group keeps them all.
        let () = self.commands.ask(self.script(FORGET_WORKERS).arg(60 * 60 * 1_000)).await?;
        self.has_group.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Jobs whose lease has run out; looks for them now and then.
    async fn claim(&self, max: usize) -> Result<Vec<Job>, RedisError> {
        let Some(cursor) = self.claims().begin((self.lease / 4).min(BLOCK)) else {
            return Ok(Vec::new());
        };
        let mut claim = self.script(CLAIM);
        claim.arg(&self.worker).arg(self.lease_ms()).arg(cursor).arg(max);
        let (cursor, jobs): (String, Vec<Value>) = self.commands.ask(&claim).await?;
        self.claims().end(cursor, jobs.len() == max);
        jobs.into_iter().map(Job::from_claim).collect()
    }

    fn claims(&self) -> std::sync::MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Jobs that nobody has had yet.
    async fn read(&self, max: usize) -> Result<Vec<Job>, RedisError> {
        let mut read = cmd("XREADGROUP");
        let block = BLOCK.min(self.lease / 4).as_millis().max(1) as u64;
        read.arg("GROUP").arg(&self.group).arg(&self.worker).arg("COUNT").arg(max);
        read.arg("BLOCK").arg(block).arg("STREAMS").arg(&self.stream).arg(">");
        let connection = self.reader.connection().await?;
        let _reading = Reading::begin(&self.is_reading);
        // Whoever asks for a stop from here on ends the read.
        if self.is_quiet.load(Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        self.reader.ask_on(connection, &read).await.and_then(first_deliveries)
    }

    /// Ends a read on the server, which then answers with what it has.
    async fn end_read(&self) -> Result<(), RedisError> {
        while self.is_reading.load(Ordering::SeqCst) {
            if let Some(id) = self.reader.id() {
                let () = self.commands.ask(cmd("CLIENT").arg("UNBLOCK").arg(id)).await?;
            }
            // It may not have begun yet.
            time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn script(&self, text: &str) -> Cmd {
        let mut script = cmd("EVAL");
        script.arg(text).arg(1).arg(&self.stream).arg(&self.group);
        script
    }

    /// Runs a script about a job, if it is still this worker's.
    async fn change(&self, job: &Job, verb: &str, change: &str) -> Result<(), SourceError> {
        let mut script = self.script(&[IS_OURS, change].concat());
        script.arg(&self.worker).arg(&*job.entry).arg(job.delivery);
        script.arg(&*job.id).arg(job.attempts);
        let changed: Result<bool, _> = self.commands.ask(&script).await;
        match changed {
            Ok(true) => Ok(()),
            Ok(false) => {
                let (queue, job) = (self.stream.clone(), job.id.to_string());
                Err(QueueError::LeaseLost { queue, job }.into())
            }
            Err(error) => Err(self.failed(&format!("{verb} job {}", job.id), error).into()),
        }
    }

    fn lease_ms(&self) -> u64 {
        self.lease.as_millis().try_into().unwrap_or(u64::MAX)
    }

    fn failed(&self, verb: &str, error: RedisError) -> QueueError {
        let advice = match error.code() {
            Some("NOAUTH" | "WRONGPASS") => "Put user and password into the address",
            Some("NOPERM") => "Let this user run XADD, XREADGROUP, EVAL and CLIENT on the stream",
            Some("OOM") => {
                "The server is at its `maxmemory`; a queue wants the policy `noeviction`"
            }
            Some("WRONGTYPE") => "Something else has this name: call the stream another",
            _ => "Look whether the server is up; a job under a lease is free when that has run out",
        };
        let (queue, verb) = (self.stream.clone(), verb.to_owned());
        QueueError::Broker { queue, verb, advice, source: error.into() }
    }
}

impl Source for Queue {
    type Job = Job;

    async fn receive(&self, max: usize) -> Result<Vec<Job>, SourceError> {
        while !self.is_quiet.load(Ordering::SeqCst) {
            match self.jobs(max).await {
                Ok(jobs) if jobs.is_empty() => {}
                Ok(jobs) => return Ok(jobs),
                // A server that kept nothing, or was emptied, is begun anew.
                Err(error) if error.code() == Some("NOGROUP") => {
                    self.has_group.store(false, Ordering::Relaxed);
                }
                Err(error) => return Err(self.failed("be read", error).into()),
            }
        }
        Ok(Vec::new())
    }

    async fn ack(&self, job: &Job) -> Result<(), SourceError> {
        self.change(job, "acknowledge", ACK).await
    }

    async fn give_back(&self, job: Job) -> Result<(), SourceError> {
        self.change(&job, "take back", GIVE_BACK).await
    }

    async fn renew(&self, job: &Job) -> Result<(), SourceError> {
        self.change(job, "renew the lease of", RENEW).await
    }

    async fn fail(&self, job: Job, _: &str) -> Result<(), SourceError> {
        self.change(&job, "note the failure of", RENEW).await
    }

    async fn quiet(&self) -> Result<(), SourceError> {
        self.is_quiet.store(true, Ordering::SeqCst);
        self.end_read().await.map_err(|error| self.failed("end a read", error).into())
    }

    fn class<'job>(&self, job: &'job Job) -> &'job str {
        &job.kind
    }

    fn id(&self, job: &Job) -> String {
        job.id.to_string()
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }
}

impl Job {
    /// What an entry holds at its `delivery`th delivery.
    fn new(entry: String, delivery: u32, fields: &[Vec<u8>]) -> Self {
        let field = |name: &str| {
            let mut pairs = fields.chunks_exact(2);
            pairs.find(|pair| pair[0] == name.as_bytes()).map(|pair| &*pair[1])
        };
        let text = |name| field(name).map(String::from_utf8_lossy);
        let attempts: u32 = text("attempts").and_then(|count| count.parse().ok()).unwrap_or(0);
        Self {
            id: text("id").map_or_else(|| entry.as_str().into(), Into::into),
            kind: text("kind").unwrap_or_default().into(),
            payload: field("payload").unwrap_or_default().into(),
            attempts: attempts + delivery.saturating_sub(1),
            entry: entry.into(),
            delivery,
        }
    }

    fn from_claim(claim: Value) -> Result<Self, RedisError> {
        let (entry, delivery, fields): (_, _, Vec<_>) = from_redis_value(claim)?;
        Ok(Self::new(entry, delivery, &fields))
    }
}

/// A read is on the server, or about to be, while it lives.
struct Reading<'queue>(&'queue AtomicBool);

impl<'queue> Reading<'queue> {
    fn begin(is_reading: &'queue AtomicBool) -> Self {
        is_reading.store(true, Ordering::SeqCst);
        Self(is_reading)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// When jobs whose lease ran out were looked for, and how far.
#[derive(Debug)]
struct Claims {
    last: Option<Instant>,
    cursor: String,
}

impl Claims {
    /// Where to look on, if it is time to.
    fn begin(&mut self, interval: Duration) -> Option<String> {
        if self.last.is_some_and(|last| last.elapsed() < interval) {
            return None;
        }
        self.last = Some(Instant::now());
        Some(self.cursor.clone())
    }

    fn end(&mut self, cursor: String, there_may_be_more: bool) {
        // One look sees no more than some of the entries.
        if there_may_be_more || cursor != "0-0" {
            self.last = None;
        }
        self.cursor = cursor;
    }
}

/// A connection that is made anew when it was lost.
#[derive(Debug)]
struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    connected: tokio::sync::Mutex<()>,
    connection: Mutex<Option<(i64, MultiplexedConnection)>>,
}

impl Link {
    fn new(client: Client, answer_timeout: Duration) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER_TIMEOUT))
            .set_response_timeout(Some(answer_timeout));
        Self { client, config, connected: ().into(), connection: None.into() }
    }

    /// The connection that there is, or a new one.
    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let _one_at_a_time = self.connected.lock().await;
        if let Some((_, connection)) = &*self.slot() {
            return Ok(connection.clone());
        }
        let connect = self.client.get_multiplexed_async_connection_with_config(&self.config);
        let mut connection = connect.await?;
        let id = cmd("CLIENT").arg("ID").query_async(&mut connection).await?;
        *self.slot() = Some((id, connection.clone()));
        Ok(connection)
    }

    /// What the server calls the connection.
    fn id(&self) -> Option<i64> {
        self.slot().as_ref().map(|(id, _)| *id)
    }

    /// Asks, and once more on a new connection where this one turns out to be lost: for what may be
    /// done twice.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        match self.ask_once(command).await {
            Err(error) if error.is_connection_dropped() => self.ask_once(command).await,
            answer => answer,
        }
    }

    async fn ask_once<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let connection = self.connection().await?;
        self.ask_on(connection, command).await
    }

    async fn ask_on<T: FromRedisValue>(
        &self,
        mut connection: MultiplexedConnection,
        command: &Cmd,
    ) -> Result<T, RedisError> {
        let answer = command.query_async(&mut connection).await;
        if answer.as_ref().is_err_and(|error| error.is_io_error() || error.is_unrecoverable_error())
        {
            *self.slot() = None;
        }
        answer
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<(i64, MultiplexedConnection)>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The jobs of the one stream of an answer to `XREADGROUP`.
fn first_deliveries(answer: Value) -> Result<Vec<Job>, RedisError> {
    let entries = match answer {
        Value::Nil => return Ok(Vec::new()),
        // RESP3
        Value::Map(streams) => streams.into_iter().map(|(_, entries)| entries).next(),
        streams => {
            let streams: Vec<(Value, Value)> = from_redis_value(streams)?;
            streams.into_iter().map(|(_, entries)| entries).next()
        }
    };
    let entries: Vec<Value> = from_redis_value(entries.unwrap_or(Value::Array(Vec::new())))?;
    let job = |entry| {
        let (id, fields): (_, Vec<_>) = from_redis_value(entry)?;
        Ok(Job::new(id, 1, &fields))
    };
    entries.into_iter().map(job).collect()
}

/// Goes on where that delivery is the last. Each has a number: one that begins a lease is another.
const IS_OURS: &str = "
local stream, group, worker, entry = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local found = redis.call('XPENDING', stream, group, entry, entry, 1)
if #found == 0 or found[1][4] ~= tonumber(ARGV[4]) then return 0 end
";

const ACK: &str = "
redis.call('XACK', stream, group, entry)
redis.call('XDEL', stream, entry)
return 1
";

const RENEW: &str = "
redis.call('XCLAIM', stream, group, worker, 0, entry, 'JUSTID')
return 1
";

const GIVE_BACK: &str = "
local fields = redis.call('XRANGE', stream, entry, entry)[1][2]
local again = {'id', ARGV[5], 'attempts', ARGV[6]}
for i = 1, #fields, 2 do
    if fields[i] ~= 'id' and fields[i] ~= 'attempts' then
        again[#again + 1] = fields[i]
        again[#again + 1] = fields[i + 1]
    end
end
redis.call('XADD', stream, '*', unpack(again))
redis.call('XACK', stream, group, entry)
redis.call('XDEL', stream, entry)
return 1
";

/// Each with its id, the count of its deliveries, and its fields.
const CLAIM: &str = "
local stream, group = KEYS[1], ARGV[1]
local found = redis.call('XAUTOCLAIM', stream, group, ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5])
local jobs = {}
for i, entry in ipairs(found[2]) do
    local pending = redis.call('XPENDING', stream, group, entry[1], entry[1], 1)
    jobs[i] = {entry[1], pending[1][4], entry[2]}
end
return {found[1], jobs}
";

/// Forgets workers of the group who have nothing, and were not heard of for so many milliseconds.
const FORGET_WORKERS: &str = "
for _, worker in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local fields = {}
    for i = 1, #worker, 2 do fields[worker[i]] = worker[i + 1] end
    if fields['pending'] == 0 and fields['idle'] > tonumber(ARGV[2]) then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], fields['name'])
    end
end
return redis.status_reply('OK')
";
