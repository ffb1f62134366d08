//! See the README.

pub use lifecycle_core::*;
