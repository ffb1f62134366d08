//! What begins with the run of every program that this crate is linked into.

use std::sync::atomic::{AtomicUsize, Ordering};

use lifecycle_core::ext;

static BEGUN: AtomicUsize = AtomicUsize::new(0);

ext::register!(ext::OnRun::new(begin));

fn begin() {
    BEGUN.fetch_add(1, Ordering::Relaxed);
    // Asking makes nobody a listener.
    drop(lifecycle::draining());
    assert!(std::env::args().nth(1).is_none_or(|what| what != "begun"), "it is not there yet");
}

/// How often a run has begun.
#[must_use]
pub fn begun() -> usize {
    BEGUN.load(Ordering::Relaxed)
}
