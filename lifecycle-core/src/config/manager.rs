//! What speaks to a service manager. It is another crate, which is linked in.

use std::time::Duration;

#[cfg(feature = "systemd")]
use super::Config;

/// A linked crate that tells a service manager how the service is, and asks it for more time.
#[derive(Clone, Copy, Debug)]
pub struct ServiceManager {
    is_there: fn() -> bool,
    extend: fn(Duration) -> bool,
}

inventory::collect!(ServiceManager);

impl ServiceManager {
    /// `is_there`: whether a manager listens to this process; the answer is always the same.
    ///
    /// `extend` tells it that the stop goes on for so long from now, whatever was told before, and
    /// says whether that was sent. It runs on the thread that keeps the deadline: it makes one
    /// system call that does not wait, takes no lock and allocates nothing.
    #[must_use]
    pub const fn new(is_there: fn() -> bool, extend: fn(Duration) -> bool) -> Self {
        Self { is_there, extend }
    }

    /// Whether this program has one.
    #[must_use]
    pub fn is_linked() -> bool {
        Self::linked().is_some()
    }

    pub(crate) fn linked() -> Option<Self> {
        inventory::iter::<Self>().next().copied()
    }

    pub(crate) fn is_there(self) -> bool {
        (self.is_there)()
    }

    pub(crate) fn extend(self, time: Duration) -> bool {
        (self.extend)(time)
    }
}

#[cfg(feature = "systemd")]
impl Config {
    /// Lets a stop that makes progress take up to `time` in all, from the request to the kill:
    /// the service manager is asked to wait longer, and our own deadline moves with its kill.
    ///
    /// It is asked only while the stop is short of time, and a hook or something in flight ended
    /// within the last second. A stop that makes no progress ends at its deadline, as without this.
    /// So does one that was hurried by a second Ctrl-C, and one whose manager cannot be told.
    ///
    /// Hooks get their timeouts as far as `time` allows; [`Plan::fits`](crate::Plan::fits) proves
    /// what holds without any extension, and shows both numbers.
    pub fn extend_up_to(mut self, time: Duration) -> Self {
        self.extend_up_to = Some(time);
        self
    }
}
