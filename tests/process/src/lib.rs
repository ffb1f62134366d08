//! Real child processes for tests: started, listened to, signalled, and killed at the end of their
//! grace period as a platform would.
//!
//! [`service!`] names a program of this package; [`Service`] says how it is started; [`Child`] is
//! one that runs; [`Ending`] is all that is known of one that has ended. Nothing here sleeps for a
//! guess: tests wait for lines. What a test does not like it says with everything that the child
//! printed.

mod child;
mod ending;
mod output;
mod service;
mod table;

pub use rustix::process::Signal;

pub use self::{
    child::Child,
    ending::{Ending, Exit},
    output::Stream,
    service::Service,
    table::all,
};

/// A [`Service`] that runs a program of this package: `service!("busy", "flag")` is the scenario
/// `busy` of `process-app`, `service!(bin "process-bare")` another program.
#[macro_export]
macro_rules! service {
    (bin $bin:literal $(, $arg:expr)* $(,)?) => {
        $crate::Service::at(env!(concat!("CARGO_BIN_EXE_", $bin)))$(.arg($arg))*
    };
    ($($arg:expr),+ $(,)?) => {
        $crate::service!(bin "process-app", $($arg),+)
    };
}
