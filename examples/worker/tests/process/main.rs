//! The worker as a process: stopped, killed, started again, and what is left of its jobs.

mod audit;
mod explored;
mod kills;
mod plan;
mod service;
mod source;
mod stops;
mod ways;
