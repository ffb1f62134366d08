//! How the process ends by the library's hand.

use super::{driver::Driver, host::ProcessEnd};
use crate::{machine::ExitWhy, os};

/// One function ends the process; before it does, it runs what must not be left undone. Nothing here may
/// allocate, lock or block.
pub(crate) fn end_process(code: u8) -> ! {
    const LAST_RESORTS: [fn(); 0] = [];
    for last_resort in LAST_RESORTS {
        last_resort();
    }
    os::exit_now(code)
}

impl Driver {
    /// A signal asked for the last step, or the process is still there after its report.
    pub(super) fn exit(&mut self, code: u8, why: ExitWhy) {
        let first = match why {
            ExitWhy::LastStep(signal) => format!("{signal} again: exit {code} at once"),
            ExitWhy::AfterRun(signal) => {
                format!("{signal} after the lifecycle had stopped: exit {code} at once")
            }
            ExitWhy::Leaked { finished } => format!(
                "the report has been final for {:.1?} and the process did not end in time: exit {code}; threads \
                 still there: {}",
                self.lifecycle.now().since(finished),
                os::thread_names().join(", ")
            ),
        };
        let culprits =
            if matches!(why, ExitWhy::AfterRun(_)) { Vec::new() } else { self.culprits() };
        let leaves_report = matches!(why, ExitWhy::LastStep(_));
        self.end_process(&first, ProcessEnd { code, culprits, leaves_report });
    }

    pub(super) fn end_process(&mut self, why: &str, end: ProcessEnd) {
        let host = self.lifecycle.host;
        host.announce_exit();
        self.lifecycle.eprint_all(std::iter::once(why).chain(end.culprits.iter().map(|c| &**c)));
        host.end(self, end);
    }
}
