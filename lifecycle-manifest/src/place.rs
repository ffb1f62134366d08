//! Where something stands in a manifest, and what is wrong there.

use std::fmt;

use lifecycle_core::ext::ManifestError;

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
