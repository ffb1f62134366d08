//! What the environment says.

use std::{env, net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use lifecycle::http::HealthServer;

use crate::telemetry;

/// The settings of the service.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ORDERS_ADDR`: where it listens.
    pub addr: String,
    /// `ORDERS_GRPC_ADDR`: where it listens for gRPC; nowhere when it is not set.
    #[cfg(feature = "grpc")]
    pub grpc_addr: Option<String>,
    /// `ORDERS_TLS_CERT`, `ORDERS_TLS_KEY`: files in PEM; plain HTTP when they are not set.
    #[cfg(feature = "tls")]
    pub tls: Option<(String, String)>,
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
        health_addr()?;
        Ok(Self {
            #[cfg(feature = "grpc")]
            grpc_addr: env::var("ORDERS_GRPC_ADDR").ok(),
            #[cfg(feature = "tls")]
            tls: env::var("ORDERS_TLS_CERT").ok().zip(env::var("ORDERS_TLS_KEY").ok()),
            addr: var("ORDERS_ADDR", "127.0.0.1:8080")?,
            database_url: var("DATABASE_URL", "sqlite://orders.db")?,
            work: Duration::from_millis(work),
        })
    }
}

/// How the service stops, with the probes and `/metrics` on a port of their own,
/// `ORDERS_HEALTH_ADDR`. What cannot be read is said by main.
pub fn lifecycle() -> lifecycle::Config {
    let config = lifecycle::Config::new();
    let Ok(addr) = health_addr() else { return config };
    // Answered until after the last hook, so that a drain is seen.
    let metrics = Router::new().route("/metrics", get(async || telemetry::metrics()));
    config.component(HealthServer::new(addr).merge(metrics))
}

fn health_addr() -> Result<SocketAddr, String> {
    let addr = var("ORDERS_HEALTH_ADDR", "127.0.0.1:9090")?;
    addr.parse()
        .map_err(|_| format!("ORDERS_HEALTH_ADDR={addr}: write an address, as 0.0.0.0:9090"))
}

fn var(name: &str, default: &str) -> Result<String, String> {
    match env::var(name) {
        Ok(value) => Ok(value),
        Err(env::VarError::NotPresent) => Ok(default.to_owned()),
        Err(env::VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}
