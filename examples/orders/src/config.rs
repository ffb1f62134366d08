//! What the environment says.

use std::{env, time::Duration};

/// The settings of the service.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ORDERS_ADDR`: where it listens.
    pub addr: String,
    /// `DATABASE_URL`: `sqlite://path` or `postgres://..`.
    pub database_url: String,
    /// `ORDERS_WORK_MS`: how long placing an order takes beside the database's time.
    pub work: Duration,
}

impl Config {
    /// Every setting, or its default where the variable is not set.
    ///
    /// # Errors
    ///
    /// When a variable cannot be read, with its name and what it should be.
    pub fn from_env() -> Result<Self, String> {
        let work = var("ORDERS_WORK_MS", "0")?;
        let work = work
            .parse()
            .map_err(|_| format!("ORDERS_WORK_MS={work}: write a whole number of milliseconds"))?;
        Ok(Self {
            addr: var("ORDERS_ADDR", "127.0.0.1:8080")?,
            database_url: var("DATABASE_URL", "sqlite://orders.db")?,
            work: Duration::from_millis(work),
        })
    }
}

fn var(name: &str, default: &str) -> Result<String, String> {
    match env::var(name) {
        Ok(value) => Ok(value),
        Err(env::VarError::NotPresent) => Ok(default.to_owned()),
        Err(env::VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}
