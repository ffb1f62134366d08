//! An order service that stops by its plan.
//!
//! `POST /orders` writes an order and its outbox row in one transaction and acknowledges after the
//! commit; a dispatcher fetches from the outbox and dispatches each order exactly once. `http` and
//! `dispatcher` hold what is tracked, `hooks` what is done at the end, and the binary puts them
//! together.

pub mod config;
pub mod db;
pub mod dispatcher;
mod error;
#[cfg(feature = "grpc")]
pub mod grpc;
pub mod hooks;
pub mod http;
pub mod sabotage;
pub mod store;
pub mod telemetry;
#[cfg(feature = "tls")]
pub mod tls;
