//! What the tests of this package share: the platform's numbers, and the table of what was measured.

mod figures;

use std::time::Duration;

pub use figures::{Figures, has_elapsed};

/// What the platform grants: the tests kill what is still there when it is over.
pub const GRACE: Duration = Duration::from_millis(2_500);

/// When the library has promised to be gone, `G − M`.
pub const DEADLINE: Duration = Duration::from_millis(2_250);

/// What a busy machine may add. The goal is 50 ms; what it took is in the table.
pub const TOLERANCE: Duration = Duration::from_millis(200);

/// Whether a test can be run here. Where it cannot, that is said in one line; on CI it is a failure.
///
/// # Panics
///
/// With `CI=true`, when it is not possible.
#[must_use]
pub fn can(what: &str, possible: bool) -> bool {
    if !possible {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "not possible on this machine: {what}");
        eprintln!("passed over, as this machine does not allow it: {what}");
    }
    possible
}

/// Whether this command succeeds.
#[must_use]
pub fn succeeds(command: &str) -> bool {
    let done = std::process::Command::new("/bin/sh").arg("-c").arg(command).output();
    done.is_ok_and(|output| output.status.success())
}
