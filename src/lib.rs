#![doc = include_str!("../README.md")]
//!
//! # Names
//!
//! Everything is at the root. [`main`], [`on_shutdown`] and [`tracked`] are the attributes; [`run`] and
//! [`Config`] start; [`provide`] gives resources to hooks; [`draining`] and its kin are the milestones;
//! [`Site`], [`Guard`] and [`Admission`] are for work that is no function; [`Plan`] and [`Report`] tell
//! what will happen and what did.

pub use lifecycle_core::*;
pub use lifecycle_macros::{main, on_shutdown, tracked};
