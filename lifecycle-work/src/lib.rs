#![doc = include_str!("../README.md")]

mod caught;
mod checkpoint;
mod class;
mod closing;
mod consumer;
mod error;
mod intake;
mod job;
mod leases;
#[cfg(feature = "nats")]
pub mod nats;
mod overseer;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
#[cfg(feature = "redis")]
pub mod redis;
mod result;
mod shared;
mod sites;
mod source;
#[cfg(feature = "sqs")]
pub mod sqs;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(all(test, feature = "testing"))]
mod tests;

#[doc(hidden)]
pub mod __private {
    pub use lifecycle_core::ext::{DrainNeed, register};
}

pub use self::{
    checkpoint::{Checkpoint, CheckpointError, checkpoint},
    class::{Class, Policy},
    consumer::{Consumer, Worked, consumer},
    error::QueueError,
    result::JobResult,
    source::{ClassedBy, Source, SourceError},
};
