//! Listening sockets that outlive this process, as somebody else holds them too.

use std::sync::{Mutex, PoisonError};

static HELD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Notes that whoever started this process holds the socket at `address` as well, so that a server
/// on it leaves its backlog to the next process. `address`: as it is displayed, or a path.
pub fn note_outliving(address: &impl ToString) {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).push(address.to_string());
}

/// Whether the socket at `address` was [noted](note_outliving).
#[must_use]
pub fn outlives(address: &str) -> bool {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|held| held == address)
}
