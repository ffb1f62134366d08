//! What a user calls, from anywhere. Each function finds the lifecycle that it belongs to and delegates.

mod end;
mod expect;
#[cfg(feature = "manifest")]
mod manifest;
mod milestone;
#[cfg(feature = "pictures")]
mod pictures;
mod plan;
mod provide;
mod readiness;
mod registration;
mod status;
#[cfg(feature = "tokio-util")]
mod tokens;

#[cfg(feature = "tokio-util")]
pub use self::tokens::{draining_token, requested_token};
pub use self::{
    end::{keep_until_exit, on_forced_exit},
    milestone::{
        Milestone, Stopped, UntilDraining, UntilRequested, drained, draining, requested, stopped,
        until_draining, until_requested,
    },
    provide::{ProvideError, Provided, provide, replace, resource, try_provide},
    readiness::{ReadyHold, hold_ready, ready},
    registration::{HookBuilder, HookHandle, hook},
    status::{completed, events, shutdown, state, status, time_left},
};
