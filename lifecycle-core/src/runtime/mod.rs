//! What runs: the pure machine that decides, and the shell that carries its decisions out.
//!
//! `machine` and `teardown` are pure. `lifecycle` is the state of one lifecycle, `shell` carries
//! out what the machine decides; on the
//! process's own it is driven by a thread of the library's own (`supervisor`), which depends on nothing of
//! the application's runtime. `launch` starts hooks, `finish` writes the end. The rest is the public face:
//! `run`, `entry`, `milestone`, `provide`, `readiness`, `registration`, `status`.

mod clock;
mod collect;
mod entry;
mod finish;
mod launch;
mod lifecycle;
mod log;
mod machine;
mod meaning;
mod milestone;
#[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "only a test has patience"))]
mod patience;
mod provide;
mod pulse;
mod readiness;
mod records;
mod registration;
mod run;
mod shell;
mod stage;
mod status;
mod supervisor;
mod teardown;
#[cfg(test)]
mod tests;

#[cfg(feature = "testing")]
pub(crate) use self::{
    clock::Clock,
    launch::panic_text,
    lifecycle::Lifecycle,
    machine::Input,
    meaning::LAST_RUNG,
    run::run_under,
    stage::{Part, Stage, Standstill},
    teardown::JOIN_PATIENCE,
};
pub use self::{
    entry::{MainExit, install, main},
    milestone::{
        Milestone, Stopped, UntilDraining, UntilRequested, drained, draining, requested, stopped,
        until_draining, until_requested,
    },
    provide::{ProvideError, Provided, provide, replace, resource, try_provide},
    readiness::{ReadyHold, hold_ready, ready},
    registration::{HookBuilder, HookHandle, hook},
    run::{MainResult, run},
    status::{Status, events, shutdown, state, status, time_left},
};
