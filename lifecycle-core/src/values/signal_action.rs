/// What a signal did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalAction {
    /// It asked for the stop.
    Stops,
    /// It came with the one before.
    Merged,
    /// A repeated request to stop changes nothing.
    Repeated,
    /// The delay and the drain end now.
    SkipsDrain,
    /// The process ends now.
    Exits,
}

impl SignalAction {
    /// What it did, in words.
    pub(crate) const fn did(self) -> &'static str {
        match self {
            Self::Stops => "asks for a graceful stop",
            Self::Merged => "came with the one before, and is one with it",
            Self::Repeated => "changes nothing: the stop is under way",
            Self::SkipsDrain => "ends the delay and the drain now; hooks still run",
            Self::Exits => "ends the process now",
        }
    }

    /// What the next one would do.
    pub(crate) const fn next(self) -> &'static str {
        match self {
            Self::Stops => "the next Ctrl-C ends the drain now",
            Self::Merged | Self::Repeated => "a Ctrl-C ends the drain, and another one the process",
            Self::SkipsDrain => "the next Ctrl-C exits at once",
            Self::Exits => "",
        }
    }
}
