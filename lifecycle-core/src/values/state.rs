use std::fmt;

/// Where a lifecycle stands. It never goes backwards, and the order of the variants is the order in
/// time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum State {
    /// Not ready yet; work is admitted.
    Starting,
    /// Work is admitted.
    Running,
    /// A stop was asked for; work is still admitted while load balancers learn of it.
    Delaying,
    /// New work is refused; admitted work finishes.
    Draining,
    /// Hooks run.
    Stopping,
    /// The report is final.
    Stopped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Delaying => "delaying",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        })
    }
}
