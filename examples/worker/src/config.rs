//! What the environment says.

use std::{env, time::Duration};

/// The settings of the worker.
#[derive(Clone, Debug)]
pub struct Config {
    /// `WORKER_ADDR`: where it listens.
    pub addr: String,
    /// `WORKER_DB`: the file of what was done, and of the jobs where no broker has them.
    pub db: String,
    /// `WORKER_QUEUE`: the URL of a broker; the database where it is not set.
    pub queue: Option<String>,
    /// `WORKER_CONCURRENCY`: how many jobs run at once.
    pub concurrency: usize,
    /// `WORKER_LEASE_SECS`: how long a job is left to a worker that says nothing more.
    pub lease: Duration,
    /// `WORKER_SWEEP_SECS`: how often the scheduler enqueues a sweep.
    pub sweep_every: Duration,
}

impl Config {
    /// Every setting, or its default where the variable is not set.
    ///
    /// # Errors
    ///
    /// When a variable cannot be read, with its name and what it should be.
    pub fn from_env() -> Result<Self, String> {
        let seconds = |name, default| number(name, default).map(Duration::from_secs);
        let concurrency = number("WORKER_CONCURRENCY", 16)?;
        Ok(Self {
            addr: text("WORKER_ADDR")?.unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            db: text("WORKER_DB")?.unwrap_or_else(|| "worker.db".to_owned()),
            queue: text("WORKER_QUEUE")?,
            concurrency: usize::try_from(concurrency).unwrap_or(usize::MAX),
            lease: seconds("WORKER_LEASE_SECS", 30)?,
            sweep_every: seconds("WORKER_SWEEP_SECS", 60)?,
        })
    }
}

fn number(name: &str, default: u64) -> Result<u64, String> {
    let Some(value) = text(name)? else { return Ok(default) };
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{name}={value}: write a whole number that is not 0"))
}

fn text(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}
