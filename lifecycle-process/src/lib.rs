#![doc = include_str!("../README.md")]
#![cfg(unix)]

mod child;
mod command;
mod contained;
#[cfg(target_os = "linux")]
mod keeper;
#[cfg(target_os = "linux")]
mod others;
mod output;
mod ports;
#[cfg(target_os = "linux")]
mod processes;
mod restart;
mod signal;
mod status;
mod stop;
#[cfg(feature = "testing")]
pub mod testing;
mod word;

#[cfg(target_os = "linux")]
pub use self::others::Filter;
pub use self::{
    child::Child,
    command::{Command, SpawnError},
    contained::Containment,
    ports::HeldPort,
    restart::Restart,
    status::ExitStatus,
    stop::{StopError, Stopped},
    word::Member,
};
