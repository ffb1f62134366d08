//! The lifecycle, for the threads and tasks of an extension.

use std::fmt;

use super::{lifecycle::Lifecycle, status::Status};
use crate::{Plan, Reason, SiteReport, State, admission::context, foreign::Shielded};

/// The lifecycle of whoever made it: for the threads and tasks of an extension, which may belong to
/// a scenario and do not know. Nothing that is asked of it makes main a listener.
#[derive(Clone, Copy)]
pub struct Handle(&'static Lifecycle);

impl Handle {
    /// Of the calling code: that of the scenario on this thread, else that of the process.
    #[must_use]
    pub fn current() -> Self {
        Self(Lifecycle::current())
    }

    /// Everything about it, at one moment.
    #[must_use]
    pub fn status(self) -> Status {
        self.0.status()
    }

    /// What the stop has done so far to the calls of each site that it had to do with: none before
    /// draining begins, as nothing is counted until then.
    #[must_use]
    pub fn site_reports(self) -> Vec<SiteReport> {
        self.0.gate.report()
    }

    /// The plan as it would run now: what `run` was given, with the hooks that were registered since
    /// and its components. It may lack what is registered later, and may be invalid by then.
    #[must_use]
    pub fn plan(self) -> Plan {
        self.0.plan()
    }

    /// Asks for a stop, as [`shutdown`](crate::shutdown) does.
    pub fn shutdown(self, reason: impl Into<Reason>) {
        self.0.request(reason.into());
    }

    /// Completes when the lifecycle has come to `state`, or beyond it. Unlike `draining()` it does
    /// not give main the drain's time to return, and does not say that main is ready. Cancel safe.
    pub fn reached(self, state: State) -> impl Future<Output = ()> + Send + Sync + 'static {
        let mut published = self.0.published.subscribe();
        Shielded::new(async move {
            // The sender lives as long as the process.
            let _ = published.wait_for(|now| now.state >= state).await;
        })
    }

    /// Runs `work` as part of this lifecycle: `provide`, `hook`, tracked functions and `status()`
    /// in it belong here, whatever thread it is.
    pub fn enter<R>(self, work: impl FnOnce() -> R) -> R {
        let _gate = context::use_gate(self.0.gate.clone());
        context::as_library(work)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("state", &self.0.state()).finish()
    }
}
