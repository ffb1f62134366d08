#![doc = include_str!("../README.md")]

mod last_shutdown;
#[cfg(feature = "metrics")]
pub mod metrics;
mod observer;
#[cfg(feature = "opentelemetry")]
pub mod opentelemetry;
mod pod;
mod snapshot;
mod summary;
pub mod table;
