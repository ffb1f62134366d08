//! Where something stands in a manifest, and what is wrong there.

use std::{error::Error, fmt};

/// A file, and the line in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
}

impl Place {
    /// What is wrong with `field`, which stands here.
    pub(super) fn wrong(&self, field: &str, what: impl fmt::Display) -> ManifestError {
        ManifestError::new(format!("{self}: {field}: {what}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What is wrong with a manifest, a line for each problem: place, field, and what to do.
#[derive(Clone, Debug)]
pub(crate) struct ManifestError(Vec<String>);

impl ManifestError {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(vec![problem.into()])
    }

    /// `Err` with every problem, where there is one.
    pub(super) fn all(problems: Vec<String>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Error for ManifestError {}
