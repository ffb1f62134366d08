//! The engine behind `lifecycle-hooks`, whose library name is `lifecycle`: use that crate.
//!
//! Arrows point one way: `runtime` uses `plan`, `inflight` and `resource`; those use what is declared
//! in `hook` and `site`. `plan` and `inflight` know no runtime, no clock and no signal.

mod budget;
mod duration;
mod hook;
mod inflight;
mod location;
mod plan;
mod platform;
mod refused;
mod resource;
mod site;
mod state;

pub use crate::{
    budget::Terms,
    hook::{Hook, HookResult},
    inflight::{Admission, Guard, Scoped, SiteReport, SiteStatus, spawn, spawn_blocking},
    location::SourceLocation,
    plan::{Fits, HookSet, Plan, PlanError, PlanProblem, PlannedHook, Unfit},
    platform::Platform,
    refused::{FromRefused, Refused},
    resource::ShutdownContext,
    site::Site,
    state::State,
};

/// What the attributes' expansions name. Not for people: anything here may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use inventory;

    pub use crate::{
        hook::{Access, Body, ExpectedHook, Hook, HookDecl, HookEntry, HookRef, HookResult, Need},
        inflight::{
            Cancellable, Entered, Held, HeldFuture, HeldStream, Tracked, ask, enter, hold,
        },
        location::SourceLocation,
        refused::{FromRefused, Refused},
        resource::Binder,
        site::{Drain, Policy, Site, SiteEntry},
    };
    pub use std::{
        boxed::Box,
        clone::Clone,
        convert::From,
        future::Future,
        marker::Send,
        ops::FnOnce,
        option::Option::{self, None, Some},
        pin::Pin,
        primitive::{bool, str},
        result::Result::{self, Err, Ok},
        time::Duration,
    };
}
