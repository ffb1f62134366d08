//! What runs: the thread that drives the pure machine, and what carries its decisions out.

mod clock;
#[cfg_attr(
    not(feature = "testing"),
    allow(dead_code, reason = "only a test moves a clock by hand")
)]
mod clock_guard;
mod driver;
mod effects;
mod entry;
mod finish;
pub(crate) mod harness;
pub(crate) mod launch;
pub(crate) mod lifecycle;
mod linked;
mod log;
pub(crate) mod readiness;
pub(crate) mod registry;
mod run;
pub(crate) mod watchdog;

#[cfg(feature = "testing")]
pub(crate) use self::{clock::Clock, run::run_under};
pub use self::{
    entry::{MainExit, install, main},
    run::{MainResult, run},
};
pub(crate) use self::{lifecycle::Lifecycle, linked::linked};
