//! The report is final: what is wrong is said, the report is written, and handed over after the last line of
//! the log, or when that takes too long.

use std::{mem, time::Duration};

use tracing::{info, warn};

use super::{
    driver::Driver, host::LastReport, kept::KEEP_TIMEOUT, lifecycle::Published,
    observers::OBSERVER_TIMEOUT, on_run::OnRun, threads::run_beside, watchdog::SILENCE,
};
use crate::{
    Plan, Report,
    config::Terminal,
    machine::{Machine, Moment},
    report::Problem,
    text::terminal,
};

/// How long the log may hold the report back, and how long writing it to a file may.
const LOG_FLUSH_TIMEOUT: Duration = Duration::from_millis(200);
const REPORT_WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// Each file: that one could not be written is to be said before the report is handed over.
pub(super) const FILE_WRITE_TIMEOUT: Duration = Duration::from_millis(400);

impl Driver {
    /// What everybody may know of the lifecycle is this from here on; who waits for a milestone is woken.
    pub(super) fn publish(&self, change: impl FnOnce(&mut Published)) {
        self.lifecycle.published.send_if_modified(|published| {
            let before = (published.state, published.drained);
            change(published);
            (published.state, published.drained) != before
        });
    }

    pub(super) fn publish_planned(&self, plan: &Plan) {
        self.publish(|published| published.hooks.planned = plan.hooks().len());
    }

    /// Says what is wrong, writes the report, hands it over.
    pub(super) fn finish(&mut self) {
        self.lifecycle.components.give_up();
        let report = self.report(Vec::new());
        let report_files = self.report_files();
        let lifecycle = self.lifecycle;
        let main_line = report.drain().main_line();
        if let Some(line) = &main_line {
            lifecycle.warn(line);
        }
        if self.shows_report(&report) {
            // It has the problems as well.
            lifecycle.host.eprint(&format!("\n{}", terminal::shown(&report, true)));
        } else {
            // What was said while it happened is not said again.
            let is_said = self.watchdog.has_complained() && !lifecycle.log.has_subscriber();
            let problems = report.problems().iter().zip(report.typed_problems());
            let problems =
                problems.filter(|(_, problem)| !(is_said && matches!(problem, Problem::Holds(_))));
            lifecycle.eprint_all(main_line.iter().chain(problems.map(|(line, _)| line)));
        }
        let timeout = if report_files.is_some() { REPORT_WRITE_TIMEOUT } else { LOG_FLUSH_TIMEOUT };
        let timeout =
            if lifecycle.kept.is_empty() { timeout } else { timeout.saturating_add(KEEP_TIMEOUT) };
        lifecycle.observers.report(&report);
        self.unpublished = Some((lifecycle.now().after(timeout), report.clone()));
        let hand_over = move |report: Report| {
            lifecycle.log.run(move |log| {
                log.contained(|| log.in_spans(|| log_report(&report)));
                log.contained(|| OnRun::all_end(&lifecycle.host.begins(), &report));
                log.close_spans();
                lifecycle.observers.flush(OBSERVER_TIMEOUT);
                // After what was said of them meanwhile.
                log.run(move |_| {
                    lifecycle.drop_kept();
                    lifecycle.publish_report(report);
                });
            });
        };
        let Some(report_files) = report_files else { return hand_over(report) };
        // Beside the log, whose subscriber may block.
        let write = move || {
            if let Err(wrong) = report_files.write(&report, FILE_WRITE_TIMEOUT) {
                lifecycle.warn(&wrong);
                lifecycle.eprint(&wrong);
            }
            hand_over(report);
        };
        if let Err(error) = run_beside("lifecycle-file", lifecycle.runtime(), write) {
            lifecycle.eprint(&format!("the report is not written: {error}"));
        }
    }

    /// Whether a person at a terminal is shown the report.
    fn shows_report(&self, report: &Report) -> bool {
        let is_wanted = match self.lifecycle.terminal() {
            Terminal::Off => false,
            Terminal::Unclean => !report.is_clean(),
            Terminal::Full => true,
        };
        is_wanted && self.lifecycle.host.stderr_is_terminal()
    }

    /// Publishes what has waited long enough; says when to ask again.
    pub(super) fn publish_when_due(&mut self, now: Moment) -> Option<Moment> {
        let (due, _) = self.unpublished.as_ref()?;
        if now < *due {
            return Some(*due);
        }
        let (_, report) = self.unpublished.take()?;
        self.lifecycle.publish_report(report);
        None
    }

    /// The report as things stand.
    pub(crate) fn report(&mut self, culprits: Vec<String>) -> Report {
        let Self { lifecycle, machine, shutdown_id, watchdog, .. } = self;
        let held = |now| watchdog.held_runtime(now, SILENCE);
        lifecycle.build_report(machine, shutdown_id.clone(), culprits, held)
    }

    /// The same, to be put together elsewhere, by a thread that may take its time. The machine goes with it:
    /// the process is about to end with `code`.
    pub(super) fn last_report(&mut self, culprits: Vec<String>, code: u8) -> LastReport {
        let lifecycle = self.lifecycle;
        let settings = self.machine.settings().clone();
        let machine = mem::replace(&mut self.machine, Machine::new(settings));
        let shutdown_id = mem::take(&mut self.shutdown_id);
        Box::new(move || {
            let report = lifecycle.build_report(&machine, shutdown_id, culprits, |_| None);
            report.ending_with(Some(code))
        })
    }
}

fn log_report(report: &Report) {
    let (code, total) = (report.exit_code(), report.total());
    if report.is_clean() {
        info!(target: "lifecycle", exit_code = code, "stopped cleanly in {total:.1?}");
    } else {
        let problems = terminal::plain_lines(&report.problems().join("; "));
        warn!(target: "lifecycle", exit_code = code, "stopped in {total:.1?}: {problems}");
    }
}
