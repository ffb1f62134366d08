//! A throw-away PostgreSQL from the installed binaries. By hand, as it refuses to run as root, and
//! as whoever tests in a container is root.

use std::{
    env,
    fs::{self, File},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tempfile::TempDir;
use tokio::time;

use crate::service::{PATIENCE, dir};

/// A server that listens on a socket in a directory of its own; both are gone when this is dropped.
pub(crate) struct Server {
    process: Child,
    dir: TempDir,
}

/// Starts one. Without the binaries it says so in one line and there is none; under `CI=true` that
/// is a failure.
pub(crate) async fn start() -> Option<Server> {
    let Some(binaries) = binaries() else {
        let line =
            "passed over: no PostgreSQL on PATH nor in /usr/lib/postgresql; install it to run this";
        assert!(env::var("CI").as_deref() != Ok("true"), "{line}");
        eprintln!("{line}");
        return None;
    };
    let dir = dir();
    let user = user_for(dir.path());
    let command = |program: &str| {
        let mut command = Command::new(binaries.join(program));
        command.current_dir(dir.path()).arg("-D").arg(dir.path().join("data")).stdin(Stdio::null());
        if let Some((uid, gid)) = user {
            command.uid(uid).gid(gid);
        }
        command
    };
    let made =
        command("initdb").args(["-U", "orders", "--auth=trust", "--no-sync"]).output().unwrap();
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    let log = File::create(dir.path().join("log")).unwrap();
    let process = command("postgres")
        .args(["-c", "listen_addresses=", "-k"])
        .arg(dir.path())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let server = Server { process, dir };
    server.connect().await.close().await.unwrap();
    Some(server)
}

impl Server {
    /// Makes a database and returns its URL.
    pub(crate) async fn create_database(&self, name: &str) -> String {
        let mut connection = self.connect().await;
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        self.url(name)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://orders@localhost/{database}?host={}", self.dir.path().display())
    }

    /// A connection, as soon as it lets one in.
    async fn connect(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let asked = Instant::now();
        loop {
            match AnyConnection::connect(&self.url("postgres")).await {
                Ok(connection) => return connection,
                Err(error) if asked.elapsed() > PATIENCE => {
                    let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                    panic!("PostgreSQL lets nobody in: {error}\n{log}");
                }
                Err(_) => time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // To PostgreSQL: end every session and stop.
        if let Some(pid) = Pid::from_raw(self.process.id().cast_signed()) {
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.process.wait();
    }
}

/// Where `initdb` and `postgres` are: Debian keeps them off the `PATH`.
fn binaries() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let has_both = |dir: &PathBuf| dir.join("initdb").is_file() && dir.join("postgres").is_file();
    debian.chain(env::split_paths(&path)).find(has_both)
}

/// Who it runs as when we are root: `postgres`, which is given `dir`.
fn user_for(dir: &Path) -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let user = users.lines().find(|line| line.starts_with("postgres:"));
    let fields: Vec<_> = user.expect("there is no user `postgres`").split(':').collect();
    let (uid, gid) = (fields[2].parse().unwrap(), fields[3].parse().unwrap());
    chown(dir, Some(uid), Some(gid)).unwrap();
    Some((uid, gid))
}
