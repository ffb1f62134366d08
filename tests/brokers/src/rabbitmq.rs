use std::{
    fs::{self, File},
    io::Write,
    ops::Range,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use lifecycle::work::rabbitmq::Queue;
use rustix::process::Signal;
use tokio::time::timeout;

use crate::{
    PREFETCH, QUEUE,
    broker::{Broker, Server, free_port, installed, until_it_works},
};

/// A RabbitMQ, as Debian ships it, with a port mapper of its own.
#[derive(Debug)]
pub struct RabbitMq {
    server: Server,
    _mapper: Mapper,
    mapper_port: String,
    node: String,
    _connection: Connection,
    channel: Channel,
    url: String,
}

/// Where nodes of Erlang find one another. A node that finds none starts one that outlives it.
#[derive(Debug)]
struct Mapper(Child);

impl Broker for RabbitMq {
    const NAME: &str = "rabbitmq";

    type Queue = Queue;

    async fn start() -> Option<Self> {
        // Beside the one that is meant for everybody, which changes its user.
        let program = installed("rabbitmq-server", ["/usr/lib/rabbitmq/bin".into()])?;
        let directory = tempfile::tempdir().expect("a folder");
        let [port, peers_port, mapper_port] = [(); 3].map(|()| free_port().to_string());
        let mut mapper = Command::new("epmd");
        mapper.args(["-port", &mapper_port, "-address", "127.0.0.1"]).stdin(Stdio::null());
        let mapper = Mapper(mapper.spawn().expect("the port mapper of Erlang"));
        let file = |name: &str| directory.path().join(name);
        fs::write(file("plugins"), "[].").expect("a file");
        let log = File::create(file("log")).expect("a log");
        let node = format!("rabbit{port}@localhost");
        let mut rabbitmq = Command::new(program);
        rabbitmq
            .current_dir(directory.path())
            .env("HOME", directory.path())
            .env("ERL_EPMD_PORT", &mapper_port)
            .env("RABBITMQ_NODENAME", &node)
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", &port)
            .env("RABBITMQ_DIST_PORT", peers_port)
            .env("RABBITMQ_MNESIA_BASE", file("data"))
            .env("RABBITMQ_LOG_BASE", file("logs"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", file("plugins"))
            .env("RABBITMQ_CONF_ENV_FILE", file("none"))
            .env("RABBITMQ_CONFIG_FILE", file("none"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", file("none"))
            // No shell stands between us and the process.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        let server = Server::start(rabbitmq, Signal::KILL, directory);
        let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
        // One that meets the server while it starts may never come to an end.
        let connect = async || {
            let connected = Connection::connect(&url, ConnectionProperties::default());
            let connected = timeout(Duration::from_secs(2), connected).await;
            connected.map_err(|late| late.to_string())?.map_err(|error| error.to_string())
        };
        let connection = until_it_works("RabbitMQ lets nobody in", connect).await;
        let channel = connection.create_channel().await.expect("a channel");
        let durable = QueueDeclareOptions::durable();
        let declared = channel.queue_declare(QUEUE.into(), durable, FieldTable::default()).await;
        declared.expect("a queue");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        let (_mapper, _connection) = (mapper, connection);
        Some(Self { server, _mapper, mapper_port, node, _connection, channel, url })
    }

    fn url(&self) -> String {
        self.url.clone()
    }

    fn server(&self) -> &Server {
        &self.server
    }

    async fn queue(&self, _: Duration) -> Queue {
        rabbitmq_queue(&self.url).await.expect("a connection").1
    }

    async fn enqueue(&self, kind: &str, numbers: Range<usize>) {
        for number in numbers {
            let properties = BasicProperties::default().with_type(kind.into());
            let (to, options) = (QUEUE.into(), BasicPublishOptions::default());
            let payload = number.to_string();
            let sent =
                self.channel.basic_publish("".into(), to, options, payload.as_bytes(), properties);
            sent.await.expect("a job");
        }
        self.channel.wait_for_confirms().await.expect("jobs");
    }

    /// The protocol tells of those that wait only, so the node is asked itself.
    async fn left(&self) -> usize {
        let answer =
            self.ask(r#"[[{messages, N}]] = rabbit_amqqueue:info_all(<<"/">>, [messages]), N."#);
        let count = answer.trim().strip_prefix("{ok, ").and_then(|rest| rest.strip_suffix('}'));
        count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("RabbitMQ: {answer}"))
    }
}

impl RabbitMq {
    /// Has the node evaluate this, which is Erlang.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn ask(&self, question: &str) -> String {
        let cookie = fs::read_to_string(self.server.directory().join(".erlang.cookie"));
        let mut call = Command::new("erl_call")
            .env("ERL_EPMD_PORT", &self.mapper_port)
            .args(["-sname", &self.node, "-c", &cookie.expect("a cookie"), "-e"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("erl_call");
        writeln!(call.stdin.take().expect("a pipe"), "{question}").expect("a question");
        let answer = call.wait_with_output().expect("an answer").stdout;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// The queue as a worker has it, and its connection, which is closed after it.
///
/// # Errors
/// When RabbitMQ cannot be reached.
pub async fn rabbitmq_queue(url: &str) -> Result<(Arc<Connection>, Queue), lapin::Error> {
    let connection = Arc::new(Connection::connect(url, ConnectionProperties::default()).await?);
    let prefetch = PREFETCH.try_into().expect("a small number");
    let queue = Queue::new(Arc::clone(&connection), QUEUE).prefetch(prefetch);
    Ok((connection, queue))
}

impl Drop for Mapper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
