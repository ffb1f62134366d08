//! How the library writes for people, so that what an extension writes reads the same.

use std::time::Duration;

use crate::{plan, report, text::terminal};

/// `text` without what would move a terminal's cursor or colour it, what would turn the direction of the
/// text beside it, and what no document may contain. Names, errors and panics are text of any origin.
#[must_use]
pub fn plain(text: &str) -> String {
    terminal::plain(text)
}

/// The lines of `text`, [plain], each broken at spaces, where there are any, into lines of at most `most`
/// columns of a terminal.
#[must_use]
pub fn broken(text: &str, most: usize) -> Vec<String> {
    terminal::broken(text, most)
}

/// How long something took, in at most eight characters: `750 ms`, `12.30 s`. A time that somebody wrote
/// down is shown as `5s` or `1m30s` instead.
#[must_use]
pub fn short(duration: Duration) -> String {
    report::short(duration)
}

/// The last segment of each name that is a path, where no other has the same, else all of it.
#[must_use]
pub fn last_names<'n>(names: &[&'n str]) -> Vec<&'n str> {
    plan::last_names(names)
}
