#![doc = include_str!("../README.md")]
//!
//! # Names
//!
//! At the root is what a program writes by hand: [`main`], [`on_shutdown`] and [`tracked`] are the
//! attributes; [`run`] and [`Config`] start; [`provide()`] gives resources to hooks; [`draining`]
//! and its kin are the milestones; [`Site`], [`Guard`] and [`Admission`] are for work that is no
//! function; [`Plan`] and [`Report`] tell what will happen and what did. The modules have, by noun,
//! what these return, and what few programs need.

// What they add is registered while the program is linked, and a crate that nobody names is left
// out.
#[cfg(feature = "admin")]
use lifecycle_admin as _;
#[cfg(feature = "manifest")]
use lifecycle_manifest as _;
#[cfg(feature = "pictures")]
use lifecycle_pictures as _;

#[doc(hidden)]
pub use lifecycle_core::__private;
#[doc = include_str!("docs/expect_hooks.md")]
#[doc(inline)]
pub use lifecycle_core::expect_hooks;
pub use lifecycle_core::{
    Admission, Config, FromRefused, Guard, HookHandle, Outcome, Plan, Platform, Reason, Refused,
    Report, ShutdownContext, Signal, Site, State, Terminal, completed, drained, draining, events,
    hold_ready, hook, inherit, inherit_fn, install, keep_until_exit, on_forced_exit, provide,
    ready, requested, resource, run, shutdown, spawn, spawn_blocking, state, status, stopped,
    time_left, until_draining, until_requested,
};
#[cfg(feature = "tokio-util")]
pub use lifecycle_core::{draining_token, requested_token};
#[cfg(feature = "ecs")]
#[doc(inline)]
pub use lifecycle_ecs as ecs;
#[cfg(feature = "http")]
#[doc(inline)]
pub use lifecycle_http as http;
#[cfg(feature = "http")]
#[doc(inline)]
pub use lifecycle_http::check;
#[doc = include_str!("docs/main.md")]
#[doc(inline)]
pub use lifecycle_macros::main;
#[doc = include_str!("docs/on_shutdown.md")]
#[doc(inline)]
pub use lifecycle_macros::on_shutdown;
#[cfg(feature = "testing")]
#[doc = include_str!("docs/test.md")]
#[doc(inline)]
pub use lifecycle_macros::test;
#[doc = include_str!("docs/tracked.md")]
#[doc(inline)]
pub use lifecycle_macros::tracked;
#[cfg(feature = "process")]
#[doc(inline)]
pub use lifecycle_process as process;
#[cfg(feature = "systemd")]
#[doc(inline)]
pub use lifecycle_systemd as systemd;
#[cfg(feature = "systemd")]
#[doc(inline)]
pub use lifecycle_systemd::listener;
#[cfg(feature = "metrics")]
#[doc(inline)]
pub use lifecycle_telemetry::metrics;
#[cfg(feature = "opentelemetry")]
#[doc(inline)]
pub use lifecycle_telemetry::opentelemetry;
#[cfg(feature = "work")]
#[doc(inline)]
pub use lifecycle_work as work;

/// The Rust blocks of the pages in `docs/` compile, as those of the README do.
#[cfg(doctest)]
mod pages {
    macro_rules! page {
        ($name:ident, $path:literal) => {
            #[doc = include_str!($path)]
            mod $name {}
        };
    }

    #[cfg(feature = "admin")]
    page!(admin, "../docs/admin.md");
    #[cfg(feature = "process")]
    page!(children, "../docs/children.md");
    page!(configuration, "../docs/configuration.md");
    page!(extending, "../docs/extending.md");
    page!(hooks, "../docs/hooks.md");
    #[cfg(all(feature = "axum", feature = "http"))]
    page!(http, "../docs/http.md");
    #[cfg(feature = "opentelemetry")]
    page!(metrics, "../docs/metrics.md");
    page!(plan, "../docs/plan.md");
    #[cfg(feature = "systemd")]
    page!(systemd, "../docs/systemd.md");
    #[cfg(feature = "work")]
    page!(work, "../docs/work.md");
    page!(report, "../docs/report.md");
    page!(tracking, "../docs/tracking.md");
    #[cfg(feature = "work")]
    page!(jobs, "../docs/jobs.md");
    #[cfg(feature = "testing")]
    page!(json, "../docs/json.md");
    #[cfg(feature = "testing")]
    page!(testing, "../docs/testing.md");
}

/// The stream of [`events()`] and what is in it.
pub mod event {
    pub use lifecycle_core::{Event, Events};
}

/// What names a hook, registers one at run time, and what hooks and main may return.
pub mod hook {
    pub use lifecycle_core::{Hook, HookBuilder, HookResult, MainResult, SourceLocation};
}

/// The futures: of the milestones of a stop, and of work that carries an admission.
pub mod milestone {
    pub use lifecycle_core::{
        Inherited, Milestone, Pull, Scoped, Stopped, UntilDraining, UntilRequested,
    };
}

/// What [`Plan`] is asked and answers: its hooks, its problems, whether it fits and into what.
pub mod plan {
    #[cfg(feature = "manifest")]
    pub use lifecycle_core::Manifest;
    pub use lifecycle_core::{
        Constraints, FitError, Fits, HookSet, PlanDiff, PlanError, PlanHint, PlanProblem,
        PlannedHook,
    };
}

/// The parts of a [`Report`].
pub mod report {
    pub use lifecycle_core::{
        DrainReport, HookReport, JsonError, SignalReport, SignalSender, SiteReport,
    };
}

/// Resources beyond [`provide()`] and [`resource()`].
pub mod resource {
    pub use lifecycle_core::{ProvideError, Provided, replace, try_provide};
}

/// What [`status()`] and [`hold_ready`] return.
pub mod status {
    pub use lifecycle_core::{DrainStatus, HookStatus, ReadyHold, SiteStatus, Status};
}

/// Stops on virtual time. With the feature `work`, a queue in memory to consume meanwhile.
#[cfg(feature = "testing")]
pub mod testing {
    pub use lifecycle_core::testing::*;
    #[cfg(feature = "work")]
    pub use lifecycle_work::testing::{FakeJob, FakeSource};
}
