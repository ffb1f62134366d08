use std::{
    fs::{self, File},
    ops::Range,
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use lifecycle::work::postgres::Queue;
use rustix::process::{Signal, geteuid};
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{
    QUEUE,
    broker::{Broker, Server, installed, until_it_works},
};

/// A PostgreSQL, as Debian ships it.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    pool: PgPool,
    url: String,
}

impl Broker for Postgres {
    const NAME: &str = "postgres";

    type Queue = Queue;

    async fn start() -> Option<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let program = installed("postgres", versions.map(|version| version.path().join("bin")))?;
        let directory = tempfile::tempdir().expect("a folder");
        let user = user_for(directory.path());
        let command = |program: &Path| {
            let mut command = Command::new(program);
            command.current_dir(directory.path()).arg("-D").arg(directory.path().join("data"));
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command
        };
        let made = command(&program.with_file_name("initdb"))
            .args(["-U", "worker", "--auth=trust", "--no-sync"])
            .stdin(Stdio::null())
            .output()
            .expect("initdb");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let log = File::create(directory.path().join("log")).expect("a log");
        let mut postgres = command(&program);
        postgres
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(directory.path())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        let url =
            format!("postgres://worker@localhost/postgres?host={}", directory.path().display());
        // Ends every session, and asks none.
        let server = Server::start(postgres, Signal::INT, directory);
        let connect = async || PgPoolOptions::new().max_connections(4).connect(&url).await;
        let pool = until_it_works("PostgreSQL lets nobody in", connect).await;
        Queue::new(pool.clone(), QUEUE).create_table().await.expect("a table");
        Some(Self { server, pool, url })
    }

    fn url(&self) -> String {
        self.url.clone()
    }

    fn server(&self) -> &Server {
        &self.server
    }

    async fn queue(&self, lease: Duration) -> Queue {
        let pool = PgPoolOptions::new().max_connections(4).connect(&self.url).await;
        Queue::new(pool.expect("a connection"), QUEUE).lease(lease)
    }

    async fn enqueue(&self, kind: &str, numbers: Range<usize>) {
        let queue = Queue::new(self.pool.clone(), QUEUE);
        let mut transaction = self.pool.begin().await.expect("a transaction");
        for number in numbers {
            let payload = number.to_string();
            queue.enqueue_in(&mut *transaction, kind, payload).await.expect("a job");
        }
        transaction.commit().await.expect("jobs");
    }

    async fn left(&self) -> usize {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM jobs").fetch_one(&self.pool);
        count.await.expect("a count").try_into().expect("no fewer than none")
    }
}

/// Who it runs as when we are root, which it refuses: `postgres`, who is given the folder.
fn user_for(directory: &Path) -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("users");
    let user = users.lines().find(|line| line.starts_with("postgres:"));
    let fields: Vec<_> = user.expect("there is no user `postgres`").split(':').collect();
    let (uid, gid) = (fields[2].parse().expect("a user"), fields[3].parse().expect("a group"));
    chown(directory, Some(uid), Some(gid)).expect("the folder is ours");
    Some((uid, gid))
}
