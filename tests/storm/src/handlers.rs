//! What this process does with signals, as the system tells (on Linux; elsewhere it does not).

use crate::mark::Kind;

/// Whether all signals of the storm have handlers.
#[must_use]
pub fn are_installed() -> Option<bool> {
    mask("SigCgt:").map(|caught| caught & wanted() == wanted())
}

/// Makes sure that children will hear: a signal that is ignored here is ignored by them.
///
/// # Panics
///
/// When it is so.
pub fn demand_to_hear() {
    let ignored = mask("SigIgn:").unwrap_or(0) & wanted();
    assert!(
        ignored == 0,
        "this test was started with signals ignored (mask {ignored:#x}), as under nohup or as a background job of \
         a script, and its children would be deaf: run it in the foreground, or with `env --default-signal`"
    );
}

fn wanted() -> u64 {
    Kind::ALL.iter().fold(0, |mask, kind| mask | 1 << (kind.number() - 1))
}

/// A line of `/proc/self/status`, a bit for each signal.
fn mask(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}
