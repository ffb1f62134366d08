use std::time::Duration;

/// What the drain does with a request that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Drain {
    /// Waits for it; what is left when the drain's time is up is abandoned, and named.
    Finish,
    /// Drops it the moment draining begins, as `cancel_after` with no time at all.
    Cancel,
    /// Drops it when draining has gone on for so long. Before the head of the answer it is answered
    /// with 503; after it the body fails, so that no client takes a part for the whole.
    CancelAfter(Duration),
}

impl Drain {
    pub(crate) const fn granted(self) -> Option<Duration> {
        match self {
            Self::Finish => None,
            Self::Cancel => Some(Duration::ZERO),
            Self::CancelAfter(granted) => Some(granted),
        }
    }
}
