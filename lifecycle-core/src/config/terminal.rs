use std::fmt;

/// What a person at a terminal is shown, on stderr; what a log shows is the subscriber's affair.
/// Every unclean end says a line for each problem, whatever this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Terminal {
    /// Nothing more than where stderr is no terminal.
    Off,
    /// What signals do and, after a stop that was not clean, the report. The default of jobs.
    Unclean,
    /// How the stop goes, what signals do, and the report. The default of services.
    Full,
}

impl Terminal {
    pub(super) const ALL: [Self; 3] = [Self::Off, Self::Unclean, Self::Full];
}

impl fmt::Display for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Off => "off",
            Self::Unclean => "unclean",
            Self::Full => "full",
        })
    }
}
