//! What becomes of a job at a stop, by its class.

use std::time::Duration;

/// What becomes of a running job once a stop was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// It has the drain's time to end. What is left then is given back, which makes the stop unclean.
    #[default]
    Finish,
    /// It is given back at once.
    Requeue,
    /// It has so much time from the request on, and the drain's at most, and is given back then.
    RequeueAfter(Duration),
    /// It is dropped at once, and the broker delivers it again when its lease has ended: for work that is
    /// not worth a word.
    Abandon,
}

/// Jobs that are treated alike. Which class a job has, its [`Source`](crate::Source) says.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_work::Class;
///
/// const CLASSES: &[Class] = &[
///     Class::new("invoice").finish().priority(10),
///     Class::new("report").requeue_after(Duration::from_secs(10)),
///     Class::new("thumbnail").requeue(),
///     Class::new("cache").abandon(),
/// ];
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it counts where it is given to a consumer"]
pub struct Class {
    pub(crate) name: &'static str,
    pub(crate) policy: Policy,
    pub(crate) priority: i32,
}

impl Class {
    /// Of this name, whose jobs are finished.
    pub const fn new(name: &'static str) -> Self {
        Self { name, policy: Policy::Finish, priority: 0 }
    }

    /// The same for a name that is made as the program runs. It is kept for ever.
    pub fn named(name: impl Into<String>) -> Self {
        Self::new(name.into().leak())
    }

    /// Its jobs are [finished](Policy::Finish).
    pub const fn finish(self) -> Self {
        self.policy(Policy::Finish)
    }

    /// Its jobs are [given back at once](Policy::Requeue).
    pub const fn requeue(self) -> Self {
        self.policy(Policy::Requeue)
    }

    /// Its jobs are [given back after so much time](Policy::RequeueAfter).
    pub const fn requeue_after(self, time: Duration) -> Self {
        self.policy(Policy::RequeueAfter(time))
    }

    /// Its jobs are [dropped at once](Policy::Abandon).
    pub const fn abandon(self) -> Self {
        self.policy(Policy::Abandon)
    }

    /// Its jobs are treated so.
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// When the drain's time runs out, jobs of a lower priority are given back before those of a higher
    /// one. 0 where nothing is said, also for jobs without a class.
    pub const fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }
}
