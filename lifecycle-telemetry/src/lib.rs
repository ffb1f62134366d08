#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(any(feature = "metrics", feature = "opentelemetry")),
    expect(dead_code, reason = "nothing is exported")
)]

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
