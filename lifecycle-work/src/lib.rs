#![doc = include_str!("../README.md")]

mod caught;
mod class;
mod closing;
mod consumer;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod error;
mod intake;
mod job;
mod leases;
mod overseer;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
mod result;
mod shared;
mod sites;
mod source;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(all(test, feature = "testing"))]
mod tests;

#[doc(hidden)]
pub mod __private {
    pub use lifecycle_core::ext::{DrainNeed, register};
}

#[cfg(any(feature = "postgres", feature = "redis"))]
pub use self::error::QueueError;
pub use self::{
    class::{Class, Policy},
    consumer::{Consumer, Worked, consumer},
    result::JobResult,
    source::{ClassedBy, Source, SourceError},
};
