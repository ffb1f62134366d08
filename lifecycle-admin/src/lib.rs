#![doc = include_str!("../README.md")]
//!
//! `socket` makes the socket and takes it away, `server` is the thread, `connection` one client,
//! `protocol` what is said. Nothing of a client can hold the thread: reading, writing and waiting
//! are bounded there.

#[cfg(unix)]
mod component;
#[cfg(unix)]
mod connection;
#[cfg(unix)]
mod protocol;
#[cfg(unix)]
mod server;
#[cfg(unix)]
mod socket;
#[cfg(not(unix))]
mod unsupported;

#[cfg(unix)]
pub use self::component::AdminSocket;
