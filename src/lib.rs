//! See the README.

pub use lifecycle_core::*;
pub use lifecycle_macros::{main, on_shutdown, tracked};
