//! What linked crates begin together with the process's `run`.

use crate::{Report, State, admission::context, foreign::contain};

/// What a linked crate does in the first `run` of the process, without a line in the service: as it
/// begins, where it may [observe](crate::ext::observe) it, at each state, and at the end. A scenario
/// does nothing of this, and neither does a program that only answers `LIFECYCLE_PLAN`.
///
/// What it asks of milestones makes nobody a listener. A panic is said, and ends nothing.
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
///
/// An observer has a thread. Who may have nothing to do for it looks at the states first, and what
/// is for the log alone is said at the end.
#[derive(Clone, Copy, Debug)]
pub struct OnRun {
    begin: fn(),
    each_state: Option<fn(State)>,
    end: Option<fn(&Report)>,
}

inventory::collect!(OnRun);

impl OnRun {
    /// `begin` is called once, before main is polled, on the thread of `run`, which waits for it.
    #[must_use]
    pub const fn new(begin: fn()) -> Self {
        Self { begin, each_state: None, end: None }
    }

    /// `each_state` is called with each state from `Running` on, or from the one that a stop skips
    /// to, where the log is written: after what was logged of it.
    #[must_use]
    pub const fn each_state(self, each_state: fn(State)) -> Self {
        Self { each_state: Some(each_state), ..self }
    }

    /// `end` is called with the final report, where the log is written: before the report is handed
    /// over, which waits for it as for the log. What it panics with is taken for the subscriber's.
    /// Of a process that is ended by force there is none.
    #[must_use]
    pub const fn at_the_end(self, end: fn(&Report)) -> Self {
        Self { end: Some(end), ..self }
    }

    pub(super) fn linked() -> Vec<Self> {
        inventory::iter::<Self>().copied().collect()
    }

    pub(super) const fn has_each_state(self) -> bool {
        self.each_state.is_some()
    }

    /// The error is what it panicked with; likewise below.
    pub(super) fn begins(self) -> Result<(), String> {
        called(self.begin)
    }

    pub(super) fn enters(self, state: State) -> Result<(), String> {
        self.each_state.map_or(Ok(()), |each_state| called(|| each_state(state)))
    }

    /// Not contained: what they call is the subscriber.
    pub(super) fn all_end(all: &[Self], report: &Report) {
        context::as_library(|| all.iter().filter_map(|one| one.end).for_each(|end| end(report)));
    }
}

fn called(what: impl FnOnce()) -> Result<(), String> {
    contain(|| context::as_library(what))
}
