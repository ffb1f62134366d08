use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::json::{Static, interned};

/// A place in the source: the file as the compiler was given it, and the line, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceLocation {
    #[serde(deserialize_with = "interned")]
    file: Static,
    line: u32,
}

impl SourceLocation {
    /// The place `file`:`line`.
    #[must_use]
    pub const fn new(file: &'static str, line: u32) -> Self {
        Self { file, line }
    }

    /// The place of the caller of the function that carries `#[track_caller]`.
    #[track_caller]
    #[must_use]
    pub const fn caller() -> Self {
        let caller = std::panic::Location::caller();
        Self::new(caller.file(), caller.line())
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &'static str {
        self.file
    }

    /// The line, counted from 1.
    #[must_use]
    pub const fn line(&self) -> u32 {
        self.line
    }
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
