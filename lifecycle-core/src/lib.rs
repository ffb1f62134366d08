//! The engine behind `lifecycle-hooks`, whose library name is `lifecycle`: use that crate.
//!
//! Arrows point one way: `runtime` uses `plan`, `inflight` and `resource`; those use what is declared
//! in `hook` and `site`. `plan` and `inflight` know no runtime, no clock and no signal.

mod budget;
mod config;
mod context;
mod duration;
mod event;
mod expect;
mod hook;
mod inflight;
#[cfg(feature = "json")]
mod intern;
mod json;
mod location;
#[cfg(feature = "manifest")]
mod manifest;
mod outcome;
#[cfg(feature = "pictures")]
mod picture;
mod plan;
mod platform;
mod probe;
#[cfg(feature = "json")]
mod read;
mod reason;
mod redact;
mod refused;
mod report;
mod resource;
mod runtime;
mod settings;
mod signal;
mod site;
mod state;
mod sys;
mod terminal;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "manifest")]
pub use crate::manifest::Manifest;
pub use crate::{
    budget::Terms,
    config::Config,
    context::ShutdownContext,
    event::{Event, Events},
    hook::{Hook, HookResult},
    inflight::{Admission, Guard, Scoped, SiteReport, SiteStatus, spawn, spawn_blocking},
    location::SourceLocation,
    outcome::Outcome,
    plan::{Fits, HookSet, Plan, PlanError, PlanProblem, PlannedHook, Unfit},
    platform::Platform,
    reason::Reason,
    refused::{FromRefused, Refused},
    report::{DrainReport, HookReport, Report, SignalReport},
    runtime::{
        HookBuilder, HookHandle, MainResult, Milestone, ProvideError, Provided, ReadyHold, Status, Stopped,
        UntilDraining, UntilRequested, drained, draining, events, hold_ready, hook, install, provide, ready,
        replace, requested, resource, run, shutdown, state, status, stopped, time_left, try_provide,
        until_draining, until_requested,
    },
    signal::{Sender, Signal},
    site::Site,
    state::State,
};

#[cfg(feature = "json")]
pub use crate::{plan::PlanDiff, read::JsonError};

/// What the attributes' expansions name. Not for people: anything here may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
    pub use tokio;

    #[cfg(feature = "testing")]
    pub use crate::testing::test;
    pub use crate::{
        config::Config,
        hook::{Access, Body, ExpectedHook, Hook, HookDecl, HookEnd, HookEntry, HookRef, HookResult, Need},
        inflight::{Cancellable, Entered, Held, HeldFuture, HeldStream, Tracked, ask, enter, hold},
        location::SourceLocation,
        probe::{
            Answer, NotClone, Otherwise, PlainAnswer, Tag, answer_by, must_be_option, must_be_resource,
            must_differ, never_refused, not_zero,
        },
        refused::{FromRefused, Refused},
        resource::Binder,
        runtime::{MainExit, MainResult, main},
        site::{Drain, Policy, Site, SiteEntry},
    };
    pub use std::{
        any::TypeId,
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
