//! Points in time. What counts from the request or from a hook's start is a `Duration`, so that the two
//! cannot be mixed up.

use std::time::Duration;

/// A point in time of the lifecycle's clock, which stood at zero when the lifecycle was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(Duration);

impl Moment {
    pub(crate) const ZERO: Self = Self(Duration::ZERO);

    /// When the clock shows `reading`.
    pub(crate) const fn new(reading: Duration) -> Self {
        Self(reading)
    }

    /// What the clock shows then.
    pub(crate) const fn reading(self) -> Duration {
        self.0
    }

    /// So much later; what no clock can tell never comes.
    pub(crate) const fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }

    /// So much earlier.
    pub(crate) const fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(time))
    }

    /// How much later this is than `earlier`; nothing where it is not.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Of one input: what was in time is decided by `at`, what begins now begins at `now`. So nothing is late
/// because it was read late, and nothing has less than its time because the thread that reads was held up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    /// When it was posted, or when the machine wanted to be woken.
    pub(crate) at: Moment,
    /// What the clock shows now: `at`, or later.
    pub(crate) now: Moment,
}
