#![doc = include_str!("../README.md")]
#![cfg(unix)]

mod child;
mod command;
mod contained;
#[cfg(target_os = "linux")]
mod keeper;
mod output;
mod ports;
mod restart;
mod status;
mod stop;
mod word;

pub use self::{
    child::Child,
    command::{Command, SpawnError},
    contained::Containment,
    restart::Restart,
    status::ExitStatus,
    stop::{StopError, Stopped},
    word::Member,
};
