//! What somebody declares to need of the drain.

use std::{borrow::Cow, time::Duration};

use crate::SourceLocation;

/// Work that is given so much time of a stop, from the request on: `fits` counts it for the drain. What is
/// declared runs side by side, so the longest counts.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_core::{SourceLocation, ext};
///
/// ext::register!(ext::DrainNeed::new(
///     "exports",
///     SourceLocation::caller(),
///     Duration::from_secs(10),
/// ));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainNeed {
    pub(crate) name: Cow<'static, str>,
    pub(crate) location: SourceLocation,
    pub(crate) time: Duration,
}

inventory::collect!(DrainNeed);

impl DrainNeed {
    /// `name` says what it is, as the account of `fits` shows it.
    #[must_use]
    pub const fn new(name: &'static str, location: SourceLocation, time: Duration) -> Self {
        Self { name: Cow::Borrowed(name), location, time }
    }

    /// What it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is declared.
    #[must_use]
    pub const fn location(&self) -> SourceLocation {
        self.location
    }

    /// How long it has from the request on.
    #[must_use]
    pub const fn time(&self) -> Duration {
        self.time
    }
}
