//! How the process ends by the library's hand.

use super::{
    driver::Driver,
    guard::{LAST_WORDS_TIMEOUT, LAST_WRITE_TIMEOUT},
};
use crate::{State, machine::ExitWhy, os};

/// One function ends the process; before it does, it does what must not be left undone. Nothing here may
/// allocate, lock or block.
pub(crate) fn end_process(code: u8) -> ! {
    os::last_resort::run();
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
        self.end_process(&first, culprits, code, leaves_report);
    }

    /// Says why and who holds it, and ends the process.
    pub(super) fn end_process(
        &mut self,
        why: &str,
        culprits: Vec<String>,
        code: u8,
        leaves_report: bool,
    ) {
        let lifecycle = self.lifecycle;
        lifecycle.host.announce_exit();
        let last = lifecycle.now().after(LAST_WORDS_TIMEOUT + LAST_WRITE_TIMEOUT);
        lifecycle.host.guard_the_end(last, code);
        lifecycle.eprint_all(std::iter::once(why).chain(culprits.iter().map(|line| &**line)));
        let files = if leaves_report { self.report_files() } else { None };
        let listed = lifecycle.host.undone_last_words(&lifecycle.forced_exit);
        let report = self.last_report(culprits.into_iter().chain(listed).collect(), code);
        // From here on there is only who plays the process.
        if let Some(report) = lifecycle.host.end(code, files, report, &lifecycle.forced_exit)
            && lifecycle.report().is_none()
        {
            self.running.abort_all();
            self.enter(State::Stopped);
            lifecycle.tell_observers(&report);
            lifecycle.publish_report(report);
            // A main that is still there is polled no more.
            lifecycle.main.drop_it();
        }
    }
}
