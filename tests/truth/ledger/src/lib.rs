//! A library with hooks of its own: each program that names it has them in its plan.

use lifecycle::{Refused, on_shutdown, tracked};

/// Where entries are kept.
#[derive(Debug)]
pub struct Ledger {
    name: String,
}

impl Ledger {
    /// What it was opened as.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Opens the ledger and leaves it to the hooks.
pub fn open(name: &str) {
    lifecycle::provide(Ledger { name: name.to_owned() });
}

/// Enters one number, which takes as long as `write` does.
///
/// # Errors
///
/// Turned away once the service drains.
#[tracked]
pub async fn enter(number: u32, write: impl Future<Output = ()>) -> Result<u32, Refused> {
    write.await;
    Ok(number)
}

/// Writes what is left.
#[on_shutdown(timeout = "1s")]
pub async fn flush(ledger: &Ledger) {
    println!("ledger {} flushed", ledger.name);
}

/// Closes it, when nobody borrows it any more.
#[on_shutdown(timeout = "1s")]
pub async fn close(ledger: Ledger) {
    println!("ledger {} closed", ledger.name);
}
