//! Plain values that every other module speaks of. Nothing here knows what they are used for.

mod hook_id;
mod location;
mod outcome;
mod reason;
mod shutdown_context;
mod signal;
mod signal_action;
mod site_counts;
mod state;

pub(crate) use lifecycle_duration as duration;

pub(crate) use self::signal_action::SignalAction;
pub use self::{
    location::SourceLocation,
    outcome::Outcome,
    reason::Reason,
    shutdown_context::ShutdownContext,
    signal::{Signal, SignalSender},
    site_counts::{SiteReport, SiteStatus},
    state::State,
};

pub(crate) use self::hook_id::HookId;
