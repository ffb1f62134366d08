//! Plain values that every other module speaks of. Nothing here knows what they are used for.

mod location;
mod outcome;
mod reason;
mod signal;
mod site_counts;
mod state;

pub(crate) use lifecycle_duration as duration;

pub use self::{
    location::SourceLocation,
    outcome::Outcome,
    reason::Reason,
    signal::{Signal, SignalSender},
    site_counts::{SiteReport, SiteStatus},
    state::State,
};
