//! Which signals our handler is registered for: a bit each, as handlers and the thread that unblocks
//! them read it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::threads::bit;

static HEARD: AtomicU64 = AtomicU64::new(0);

pub(super) fn add(signal: libc::c_int) {
    HEARD.fetch_or(bit(signal), Ordering::AcqRel);
}

pub(super) fn has(signal: libc::c_int) -> bool {
    mask() & bit(signal) != 0
}

pub(super) fn mask() -> u64 {
    HEARD.load(Ordering::Acquire)
}
