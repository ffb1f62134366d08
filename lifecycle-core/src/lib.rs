//! The engine behind `lifecycle-hooks`, whose library name is `lifecycle`: use that crate.
//!
//! Arrows point one way: `runtime` uses `plan`, `inflight` and `resource`; those use what is declared
//! in `hook` and `site`. `plan` and `inflight` know no runtime, no clock and no signal.

mod admission;
mod api;
mod budget;
mod config;
mod declare;
mod event;
pub mod ext;
mod foreign;
mod machine;
mod os;
mod plan;
mod report;
mod resource;
mod runtime;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod values;

#[cfg(feature = "tokio-util")]
pub use crate::api::{draining_token, requested_token};
#[cfg(feature = "manifest")]
pub use crate::budget::Manifest;
pub use crate::{
    admission::{
        Admission, FromRefused, Guard, Inherited, Pull, Refused, Scoped, inherit, inherit_fn,
        spawn, spawn_blocking,
    },
    api::{
        HookBuilder, HookHandle, Milestone, ProvideError, Provided, ReadyHold, Stopped,
        UntilDraining, UntilRequested, completed, drained, draining, events, hold_ready, hook,
        keep_until_exit, on_forced_exit, provide, ready, replace, requested, resource, shutdown,
        state, status, stopped, time_left, try_provide, until_draining, until_requested,
    },
    budget::{Constraints, FitError, Fits},
    config::{Config, Platform, Terminal},
    declare::{Hook, HookResult, Site},
    event::{Event, Events},
    plan::{HookSet, Plan, PlanDiff, PlanError, PlanHint, PlanProblem, PlannedHook},
    report::{DrainReport, HookReport, Report, SignalReport},
    runtime::{DrainStatus, HookStatus, MainResult, Status, install, run},
    text::json::JsonError,
    values::{
        Outcome, Reason, ShutdownContext, Signal, SignalSender, SiteReport, SiteStatus,
        SourceLocation, State,
    },
};

/// What the attributes' expansions name. Not for people: anything here may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
    pub use tokio;

    #[cfg(feature = "testing")]
    pub use crate::testing::test;
    pub use crate::{
        admission::{
            Answer, Cancellable, Entered, FromRefused, Held, HeldFuture, HeldStream, PlainAnswer,
            Refused, Tracked, admitted, answer_by, enter, hold, never_refused,
        },
        config::Config,
        declare::hook::{
            Access, Body, ExpectedHook, Hook, HookDecl, HookEnd, HookEntry, HookRef, HookResult,
            Need,
        },
        declare::site::{Drain, Policy, Site, SiteEntry},
        declare::type_check::{
            NotClone, Otherwise, Tag, must_be_option, must_be_resource, must_be_unasked,
            must_differ, not_zero,
        },
        resource::Binder,
        runtime::{MainExit, MainResult, main},
        values::SourceLocation,
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
