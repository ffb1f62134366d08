#![doc = include_str!("../README.md")]
//!
//! # Names
//!
//! Everything is at the root. [`main`], [`on_shutdown`] and [`tracked`] are the attributes; [`run`] and
//! [`Config`] start; [`provide`] gives resources to hooks; [`draining`] and its kin are the milestones;
//! [`Site`], [`Guard`] and [`Admission`] are for work that is no function; [`Plan`] and [`Report`] tell
//! what will happen and what did.

#[doc = include_str!("docs/expect_hooks.md")]
#[doc(inline)]
pub use lifecycle_core::expect_hooks;
pub use lifecycle_core::*;
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

/// The Rust blocks of the pages in `docs/` compile, as those of the README do.
#[cfg(doctest)]
mod pages {
    macro_rules! page {
        ($name:ident, $path:literal) => {
            #[doc = include_str!($path)]
            mod $name {}
        };
    }

    page!(configuration, "../docs/configuration.md");
    page!(hooks, "../docs/hooks.md");
    page!(plan, "../docs/plan.md");
    page!(report, "../docs/report.md");
    page!(tracking, "../docs/tracking.md");
    #[cfg(feature = "testing")]
    page!(json, "../docs/json.md");
    #[cfg(feature = "testing")]
    page!(testing, "../docs/testing.md");
}
