//! Plain values that every other module speaks of. Nothing here knows what they are used for.

pub(crate) mod duration;
mod location;
mod outcome;
mod reason;
mod signal;
mod site_counts;
mod state;

pub use self::{
    location::SourceLocation,
    outcome::Outcome,
    reason::Reason,
    signal::{Sender, Signal},
    site_counts::{SiteReport, SiteStatus},
    state::State,
};
