//! The code that the process ends with.

use super::{Machine, MainEnd, Run};
use crate::{Outcome, Reason, Signal};

/// The service was not started.
pub(crate) const CONFIGURATION_CODE: u8 = 78;

/// The deadline passed.
pub(crate) const DEADLINE_CODE: u8 = 124;

/// A job was stopped by a request before its work was done.
pub(crate) const STOPPED_JOB_CODE: u8 = 75;

impl Machine {
    /// The exit code, by the precedence of the codes: 128 + n by the last step is no report's.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code_if(self.breached)
    }

    /// The same, where it is to be known what it would be at the deadline.
    pub(super) fn exit_code_if(&self, breached: bool) -> u8 {
        let reason = self.stop.as_ref().map(|stop| &stop.reason);
        if self.is_job_interrupted() {
            match reason {
                Some(Reason::Signal { signal, .. }) => return exit_code_of(*signal),
                Some(Reason::Requested(_)) => return STOPPED_JOB_CODE,
                _ => {}
            }
        }
        if breached {
            return DEADLINE_CODE;
        }
        match self.run {
            Run::Over(MainEnd::Failed { interrupted: false, code, .. }) => return code,
            Run::Over(MainEnd::Panicked(_)) => return 1,
            _ if reason.is_some_and(Reason::is_failure) => return 1,
            _ => {}
        }
        let is_unclean = self.unclean_calls
            || self.is_main_unclean()
            || self.has_unclean_hook()
            || self.components.is_unclean;
        if is_unclean { 70 } else { 0 }
    }

    /// Whether main is a job that was stopped before its work was done: before it returned, or it
    /// had seen the stop by then and did not say that it is complete.
    pub(crate) fn is_job_interrupted(&self) -> bool {
        let returned = matches!(self.run, Run::Over(MainEnd::Returned));
        self.settings.job && (!returned || self.interrupted)
    }

    /// A hook that was skipped is normal where start-up had not come to its end.
    pub(crate) fn is_unclean(&self, outcome: &Outcome) -> bool {
        is_unclean(outcome, self.was_running())
    }

    /// Whether start-up had come to its end when the stop was asked for.
    pub(super) fn was_running(&self) -> bool {
        self.stop.as_ref().is_none_or(|stop| stop.was_running)
    }

    fn has_unclean_hook(&self) -> bool {
        let Some(teardown) = &self.teardown else { return false };
        teardown.progress().iter().any(|hook| self.is_unclean(&hook.outcome()))
    }
}

pub(super) const fn is_unclean(outcome: &Outcome, was_running: bool) -> bool {
    match outcome {
        Outcome::Completed | Outcome::Unregistered | Outcome::NotProvided(_) => false,
        Outcome::Skipped(_) => was_running,
        _ => true,
    }
}

pub(crate) fn exit_code_of(signal: Signal) -> u8 {
    u8::try_from(128 + signal.number()).unwrap_or(u8::MAX)
}
