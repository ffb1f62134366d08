use std::{error::Error, fmt};

use crate::text::redact::redact;

/// What is wrong with a manifest, a line for each problem: place, field, and what to do.
#[derive(Clone, Debug)]
pub struct ManifestError(Vec<String>);

impl ManifestError {
    /// One problem.
    #[must_use]
    pub fn new(problem: impl Into<String>) -> Self {
        Self(vec![redact(&problem.into())])
    }

    /// `Err` with every problem, where there is one.
    pub(super) fn all(problems: Vec<String>) -> Result<(), Self> {
        let problems: Vec<_> = problems.into_iter().map(|problem| redact(&problem)).collect();
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Error for ManifestError {}
