//! The code that the process ends with.

use super::{Machine, MainEnd, Run};
use crate::{Reason, Signal};

impl Machine {
    /// The exit code, by the precedence of the codes: 128 + n by the last step is no report's.
    pub(crate) fn exit_code(&self, abandoned: bool) -> u8 {
        let reason = self.stop.as_ref().map(|stop| &stop.reason);
        let main_returned = matches!(self.run, Run::Over(MainEnd::Returned));
        if self.settings.job && !main_returned {
            match reason {
                Some(Reason::Signal { signal, .. }) => return exit_code_of(*signal),
                Some(Reason::Requested(_)) => return 75,
                _ => {}
            }
        }
        if self.breached {
            return 124;
        }
        let main_failed = matches!(
            self.run,
            Run::Over(MainEnd::Failed { interrupted: false, .. } | MainEnd::Panicked(_))
        );
        if main_failed || reason.is_some_and(Reason::is_failure) {
            return 1;
        }
        if abandoned || self.has_unclean_hook() { 70 } else { 0 }
    }

    /// The code that the process ends with when it does not end by itself in time.
    pub(crate) fn set_final_code(&mut self, code: u8) {
        if let Some(finished) = &mut self.finished {
            finished.code = code;
        }
    }

    /// A hook that was skipped is normal where start-up had not come to its end.
    pub(crate) fn is_unclean(&self, outcome: &crate::Outcome) -> bool {
        match outcome {
            crate::Outcome::Completed | crate::Outcome::Unregistered => false,
            crate::Outcome::Skipped(_) => self.was_running(),
            _ => true,
        }
    }

    fn has_unclean_hook(&self) -> bool {
        let Some(teardown) = &self.teardown else { return false };
        teardown.progress().iter().any(|hook| self.is_unclean(&hook.outcome()))
    }

    fn was_running(&self) -> bool {
        self.stop.as_ref().is_none_or(|stop| stop.was_running())
    }
}

pub(crate) fn exit_code_of(signal: Signal) -> u8 {
    u8::try_from(128 + signal.number()).unwrap_or(u8::MAX)
}
