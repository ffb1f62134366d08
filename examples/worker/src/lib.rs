//! A worker that stops by its plan.
//!
//! `POST /jobs` enqueues; a consumer works on what the queue hands out; a scheduler enqueues on its
//! own. The queue is a table of SQLite (`sqlite`, which shows how a
//! [`Source`](lifecycle::work::Source) is written) or a broker (`brokers`). `jobs` has the kinds of
//! jobs and what becomes of each at a stop, and the binary puts it all together.

pub mod brokers;
pub mod config;
pub mod db;
pub mod http;
pub mod jobs;
pub mod queue;
pub mod scheduler;
pub mod sqlite;

/// What may go wrong, for whoever reads the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
