#![doc = include_str!("../README.md")]

mod caught;
mod class;
mod closing;
mod consumer;
mod intake;
mod job;
mod leases;
mod overseer;
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

pub use self::{
    class::{Class, Policy},
    consumer::{Consumer, Worked, consumer},
    result::JobResult,
    source::{ClassedBy, Source, SourceError},
};
