//! How the library writes for people, so that what an extension writes reads the same.

use std::{any::Any, fmt, time::Duration};

use crate::{
    foreign, plan, report,
    text::{cut, redact::redact, terminal},
};

/// What an error of the application says, in its long form (`{:#}`), as the library shows it: cut after
/// 64 KiB, with the secrets that can be told taken out. To be done where the error enters.
#[must_use]
pub fn error(error: impl fmt::Display) -> String {
    redact(&cut::shown(&error))
}

/// What a panic of the application says, likewise. A destructor of `payload` that panics is contained.
#[must_use]
pub fn panic(payload: Box<dyn Any + Send>) -> String {
    foreign::panicked(payload)
}

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
