//! Each program of docs/recipes.md is started, is sent a real SIGTERM, and is looked at afterwards.

mod actix;
mod appender;
mod color_eyre;
mod kafka;
mod opentelemetry;
mod page;
