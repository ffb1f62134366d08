//! What `#[tracked]` declares: a place whose calls are counted.

use std::time::Duration;

use crate::SourceLocation;

/// A named place whose calls are counted while they run, and refused once the service drains.
///
/// `#[tracked]` makes one for each function. For work that is no function, declare one yourself:
///
/// ```ignore
/// pub static EXPORTS: Site = Site::new("exports");
/// let _guard = EXPORTS.admit()?;
/// ```
///
/// The methods `admit`, `pull` and `track` stand in `admission`.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    location: SourceLocation,
    policy: Policy,
}

impl Site {
    /// A site of this name, at the caller's place in the source, whose calls are finished by the
    /// drain.
    #[track_caller]
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self::declared(name, SourceLocation::caller(), Policy::FINISH)
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn declared(name: &'static str, location: SourceLocation, policy: Policy) -> Self {
        Self { name, location, policy }
    }

    /// The name, `crate::module::function` unless `name = ".."` says otherwise.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Where it is declared.
    #[must_use]
    pub const fn location(&self) -> SourceLocation {
        self.location
    }

    pub(crate) const fn policy(&self) -> Policy {
        self.policy
    }
}

/// What `#[tracked(admit = .., drain = ..)]` asks for.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// `admit = always`: counted, never refused.
    pub admit_always: bool,
    /// `drain = ..`.
    pub drain: Drain,
}

impl Policy {
    /// Refused once draining, finished by the drain.
    pub const FINISH: Self = Self { admit_always: false, drain: Drain::Finish };
}

/// What the drain does with a call that is under way.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Waits for it.
    Finish,
    /// Drops it this long after draining began; zero: at once.
    CancelAfter(Duration),
}

/// The entry that `inventory` collects for each `#[tracked]` function.
#[derive(Debug)]
pub struct SiteEntry(pub &'static Site);
inventory::collect!(SiteEntry);
