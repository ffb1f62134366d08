//! A row for each attack, and how all rows are run: each on every runtime that matters, five times,
//! in a process of its own that the platform kills at the end of its grace period.

pub mod os;
mod row;

pub use row::{Programs, Row, hold, hold_few, library, row};
