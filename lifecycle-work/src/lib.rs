#![doc = include_str!("../README.md")]

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

pub use self::{
    class::{Class, Policy},
    consumer::{Consumer, Worked, consumer},
    result::JobResult,
    source::{ClassedBy, Source, SourceError},
};
