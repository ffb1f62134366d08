//! What linked crates begin together with the process's `run`.

use crate::{admission::context, foreign::contain};

/// What a linked crate begins as the first `run` of the process begins: it may
/// [observe](crate::ext::observe) it. A scenario begins nothing of this, and neither does a program
/// that only answers `LIFECYCLE_PLAN`.
///
/// ```
/// use lifecycle_core::{Report, ext::{self, Observer}};
///
/// ext::register!(ext::OnRun::new(|| {
///     ext::observe(Exits);
/// }));
///
/// struct Exits;
///
/// impl Observer for Exits {
///     fn report(&mut self, report: &Report) {
///         println!("exit code {}", report.exit_code());
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OnRun {
    begin: fn(),
}

inventory::collect!(OnRun);

impl OnRun {
    /// `begin` is called once, before main is polled, on the thread of `run`, which waits for it. What
    /// it asks of milestones makes nobody a listener. A panic of it is said, and ends nothing.
    #[must_use]
    pub const fn new(begin: fn()) -> Self {
        Self { begin }
    }

    pub(super) fn linked() -> Vec<Self> {
        inventory::iter::<Self>().copied().collect()
    }

    /// The error is what it panicked with.
    pub(super) fn begin(self) -> Result<(), String> {
        contain(|| context::as_library(self.begin))
    }
}
