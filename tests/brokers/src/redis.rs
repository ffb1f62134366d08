use std::{
    ops::Range,
    process::{Command, Stdio},
    time::Duration,
};

use lifecycle::work::redis::Queue;
use redis::Client;
use rustix::process::Signal;

use crate::{
    QUEUE,
    broker::{Broker, Server, free_port, installed, until_it_works},
};

/// A Redis, as Debian ships it.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    client: Client,
    url: String,
}

impl Broker for Redis {
    const NAME: &str = "redis";

    type Queue = Queue;

    async fn start() -> Option<Self> {
        let program = installed("redis-server", [])?;
        let directory = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let mut redis = Command::new(program);
        redis
            .current_dir(directory.path())
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
            .stdout(Stdio::null());
        let url = format!("redis://127.0.0.1:{port}/");
        let server = Server::start(redis, Signal::KILL, directory);
        let client = Client::open(url.as_str()).expect("an address");
        until_it_works("Redis lets nobody in", async || {
            redis::cmd("PING")
                .exec_async(&mut client.get_multiplexed_async_connection().await?)
                .await
        })
        .await;
        Some(Self { server, client, url })
    }

    fn url(&self) -> String {
        self.url.clone()
    }

    fn server(&self) -> &Server {
        &self.server
    }

    async fn queue(&self, lease: Duration) -> Queue {
        Queue::new(self.client.clone(), QUEUE).lease(lease)
    }

    async fn enqueue(&self, kind: &str, numbers: Range<usize>) {
        let queue = Queue::new(self.client.clone(), QUEUE);
        for number in numbers {
            queue.enqueue(kind, number.to_string()).await.expect("a job");
        }
    }

    async fn left(&self) -> usize {
        let connection = self.client.get_multiplexed_async_connection().await;
        let mut connection = connection.expect("a connection");
        redis::cmd("XLEN").arg(QUEUE).query_async(&mut connection).await.expect("a count")
    }
}
