//! The end: the report, and what is said when the process has to go.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError, mpsc},
    time::Duration,
};

use tokio::sync::watch;
use tracing::{info, warn};

use super::{lifecycle::Lifecycle, watchdog::SILENCE};
use crate::machine::{ExitWhy, Machine, MainEnd, Moment, Phase};
use crate::{
    DrainReport, HookReport, Reason, Report, SignalReport,
    declare::HookId,
    os,
    report::{Inner, Problem, files::ReportFiles},
    text::terminal,
};

/// How long the log may hold the report back, and how long writing it to a file may.
const LOG_FLUSH_TIMEOUT: Duration = Duration::from_millis(200);
const REPORT_WRITE_TIMEOUT: Duration = Duration::from_secs(1);
const LAST_WRITE_TIMEOUT: Duration = Duration::from_millis(20);

/// Hands the report to whoever waits: after the last line of the log, or when that takes too long.
#[derive(Default)]
pub(crate) struct Publication {
    report: watch::Sender<Option<Report>>,
    pending: Mutex<Option<(Moment, Report)>>,
}

impl Publication {
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Report>> {
        self.report.subscribe()
    }

    /// Waits for the report.
    pub(crate) fn published(&self) -> impl Future<Output = Report> + Send + Sync + use<> {
        let mut reports = self.subscribe();
        async move {
            if let Ok(report) = reports.wait_for(Option::is_some).await
                && let Some(report) = report.clone()
            {
                return report;
            }
            // The lifecycle is gone without a report, so there will be none.
            std::future::pending().await
        }
    }

    /// The report, once it is published.
    pub(crate) fn get(&self) -> Option<Report> {
        self.report.borrow().clone()
    }

    /// Publishes what has waited long enough; says when to ask again.
    pub(crate) fn poll(&self, now: Moment) -> Option<Moment> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (due, report) = pending?;
        if now < due {
            return Some(due);
        }
        self.publish(report);
        None
    }

    /// The first report stands.
    pub(crate) fn publish(&self, report: Report) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.report.send_if_modified(|published| {
            let first = published.is_none();
            published.get_or_insert(report);
            first
        });
    }

    fn wait(&self, due: Moment, report: Report) {
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some((due, report));
    }
}

impl Lifecycle {
    /// The report is final: say what is wrong, write it, hand it over.
    pub(crate) fn finish(&'static self) {
        let report = self.build_report(Vec::new());
        let report_files = {
            let mut machine = self.machine();
            machine.set_final_code(report.exit_code());
            ReportFiles::wanted_by(machine.settings()).filter(|_| self.harness.is_none())
        };
        let main_line = report.drain().main_line();
        if let Some(line) = &main_line {
            self.warn(line);
        }
        self.eprint_all(main_line.iter().chain(report.problems()));
        if self.harness.is_none() && os::stderr_is_terminal() {
            os::write_stderr(&format!("\n{}", terminal::shown(&report, true)));
        }
        let timeout = if report_files.is_some() { REPORT_WRITE_TIMEOUT } else { LOG_FLUSH_TIMEOUT };
        self.publication.wait(self.now() + timeout, report.clone());
        self.wake();
        let hand_over = move |report: Report| {
            self.log.run(move |_| {
                log_report(&report);
                self.publication.publish(report);
            });
        };
        let Some(report_files) = report_files else { return hand_over(report) };
        // Beside the log, whose subscriber may block. Without a thread there is no file.
        let _ = std::thread::Builder::new().name("lifecycle-file".to_owned()).spawn(move || {
            if let Err(wrong) = report_files.write(&report) {
                self.warn(&wrong);
                self.eprint(&wrong);
            }
            hand_over(report);
        });
    }

    /// The deadline passed: name who holds the process, and end it.
    pub(crate) fn breach(&'static self) {
        let culprits = self.culprits();
        let deadline = self.machine().stop().and_then(|stop| stop.budget.deadline);
        // A job that was stopped says so even now.
        let code = self.machine().exit_code(false);
        let first = format!(
            "the deadline, {:.1?} after the request, has passed: exit {code}",
            deadline.unwrap_or_default()
        );
        self.announce_exit();
        self.eprint_all(std::iter::once(&first).chain(&culprits));
        if self.harness.is_some() {
            return self.cut(None, culprits);
        }
        self.leave_records(culprits, None);
        end_process(code)
    }

    pub(crate) fn exit(&'static self, code: u8, why: ExitWhy) {
        let first = match why {
            ExitWhy::LastStep(signal) => format!("{signal} again: exit {code} at once"),
            ExitWhy::AfterRun(signal) => {
                format!("{signal} after the lifecycle had stopped: exit {code} at once")
            }
            ExitWhy::Leaked => {
                let finished = self.machine().finished_at().unwrap_or_default();
                format!(
                    "the report has been final for {:.1?} and the process did not end in time: exit {code}; \
                     threads still there: {}",
                    self.now().saturating_sub(finished),
                    os::thread_names().join(", ")
                )
            }
        };
        let culprits =
            if matches!(why, ExitWhy::AfterRun(_)) { Vec::new() } else { self.culprits() };
        self.announce_exit();
        self.eprint_all(std::iter::once(&first).chain(&culprits));
        if self.harness.is_some() {
            return self.cut(Some(code), culprits);
        }
        if matches!(why, ExitWhy::LastStep(_)) {
            self.leave_records(culprits, Some(code));
        }
        end_process(code)
    }

    /// Writes what is known, on the way out: for as long as nobody notices.
    fn leave_records(&'static self, culprits: Vec<String>, code: Option<u8>) {
        let Some(report_files) = ReportFiles::wanted_by(self.machine().settings()) else { return };
        let (done, written) = mpsc::channel();
        let thread = std::thread::Builder::new().spawn(move || {
            let _ = report_files.write(&self.build_report(culprits).ending_with(code));
            let _ = done.send(());
        });
        if thread.is_ok() {
            let _ = written.recv_timeout(LAST_WRITE_TIMEOUT);
        }
    }

    /// From before the first word about how the process ends now: main may return meanwhile, and must not
    /// make that a lie.
    pub(crate) fn announce_exit(&self) {
        if self.harness.is_none() {
            os::announce_exit();
        }
    }

    /// Who holds the process, a line each.
    fn culprits(&self) -> Vec<String> {
        let machine = self.machine();
        let now = self.now();
        let mut lines = Vec::new();
        if let Some(teardown) = machine.teardown() {
            for (hook, progress) in teardown.plan().hooks().iter().zip(teardown.progress()) {
                let what = match progress.phase {
                    Phase::Waiting => "has not started".to_owned(),
                    Phase::Running { .. } => {
                        format!("has been running for {:.1?}", progress.took(now))
                    }
                    Phase::Aborting { .. }
                    | Phase::Fallback { .. }
                    | Phase::AbortingFallback { .. }
                    | Phase::Stuck => {
                        format!("is stuck: it has been running for {:.1?}", progress.took(now))
                    }
                    Phase::Done => continue,
                };
                lines.push(format!("hook `{}` ({}) {what}", hook.name(), hook.location()));
            }
        }
        if machine.has_run() && machine.main_end().is_none() {
            let since = machine.stop().map(|stop| now.saturating_sub(stop.at)).unwrap_or_default();
            lines.push(format!(
                "main has not returned {since:.1?} after the request: it blocks its thread"
            ));
        }
        if !machine.has_run() {
            lines.push("run was not reached: start-up still goes on".to_owned());
        }
        // Once the report is final, a runtime may be silent because it is over.
        let timeout = if machine.finished_at().is_none() { SILENCE } else { Duration::MAX };
        drop(machine);
        lines.extend(self.held_runtime(now, timeout));
        for site in self.gate.snapshot() {
            lines.push(site.to_string());
        }
        let dropping = self.dropping.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((resource, since)) = dropping {
            let elapsed = now.saturating_sub(since);
            lines.push(format!("the destructor of {resource}, has been running for {elapsed:.1?}"));
        }
        lines
    }

    pub(crate) fn build_report(&self, culprits: Vec<String>) -> Report {
        let machine = self.machine();
        let now = machine.finished_at().unwrap_or_else(|| self.now());
        let sites = self.gate.report();
        let abandoned = sites.iter().any(|site| site.abandoned() > 0);
        let requested = machine.stop().map_or(now, |stop| stop.at);
        let since = |moment: Moment| moment.saturating_sub(requested);
        let hooks = hook_reports(&machine, requested, now);
        let drain = machine.drain();
        let main_did_not_return = drain.is_some_and(|drain| drain.main_was_told)
            && matches!(machine.main_end(), None | Some(MainEnd::Dropped));
        let drain = DrainReport {
            delay: drain.map_or(Duration::ZERO, |drain| since(drain.began)),
            took: drain.map_or(Duration::ZERO, |drain| {
                drain.ended.unwrap_or(now).saturating_sub(drain.began)
            }),
            timed_out: drain.is_some_and(|drain| drain.timed_out),
            drain_skipped: machine.is_drain_skipped(),
            main_did_not_return,
            sites,
            in_flight: drain.map_or_else(Vec::new, |drain| {
                self.gate
                    .samples()
                    .into_iter()
                    .map(|(at, count)| (since(drain.began) + at, count))
                    .collect()
            }),
        };
        let signals = machine.received().iter().map(|heard| SignalReport {
            signal: heard.signal,
            at: since(heard.at),
            action: Some(heard.action),
            did: heard.action.did().to_owned(),
        });
        let signals = signals.collect();
        let mut problems = problems(&machine, &hooks, &drain);
        if matches!(machine.stop(), Some(stop) if stop.reason == Reason::RunDropped) {
            let plan = self.plan();
            let not_run = plan.hooks().iter().map(|hook| hook.name().to_owned()).collect();
            problems.push(Problem::RunDropped { not_run });
        }
        // A hook that could not run is no culprit: who took its threads is.
        if culprits.is_empty() && !problems.is_empty() {
            problems.extend(self.held_runtime(now, SILENCE).map(Problem::Holds));
        }
        problems.extend(culprits.into_iter().map(Problem::Holds));
        Report::new(Inner {
            reason: machine.stop().map_or(Reason::RunDropped, |stop| stop.reason.clone()),
            shutdown_id: self.shutdown_id.get().cloned().unwrap_or_default(),
            exit_code: machine.exit_code(abandoned),
            total: since(now),
            deadline: machine.stop().and_then(|stop| stop.budget.deadline),
            signals,
            drain,
            hooks,
            problems,
        })
    }
}

/// One function ends the process; before it does, it runs what must not be left undone. Nothing here may
/// allocate, lock or block.
pub(crate) fn end_process(code: u8) -> ! {
    const LAST_RESORTS: [fn(); 0] = [];
    for last_resort in LAST_RESORTS {
        last_resort();
    }
    os::exit_now(code)
}

fn hook_reports(machine: &Machine, requested: Moment, now: Moment) -> Vec<HookReport> {
    let Some(teardown) = machine.teardown() else { return Vec::new() };
    let (planned, progress) = (teardown.plan().hooks(), teardown.progress());
    let mut by_start: Vec<usize> = (0..planned.len()).collect();
    // Stable: hooks that started at one moment stay in the order of the plan.
    by_start.sort_by_key(|&at| progress[at].started.unwrap_or(Duration::MAX));
    let mut place = vec![0; planned.len()];
    by_start.iter().enumerate().for_each(|(to, &from)| place[from] = to);
    let by_id: HashMap<HookId, usize> =
        planned.iter().zip(&place).map(|(hook, &place)| (hook.id(), place)).collect();
    let waits = teardown.plan().graph().waits();
    by_start
        .into_iter()
        .map(|at| {
            let (hook, progress) = (&planned[at], &progress[at]);
            HookReport {
                id: Some(hook.id()),
                name: hook.name().to_owned(),
                location: hook.location(),
                outcome: progress.outcome(),
                started: progress.started.map(|started| started.saturating_sub(requested)),
                took: progress.took(now),
                timeout: hook.timeout(),
                allotted: progress.allotted,
                order: hook.order(),
                waits_for: waits[at].iter().map(|&before| place[before as usize]).collect(),
                released_by: progress.released_by.and_then(|id| by_id.get(&id).copied()),
            }
        })
        .collect()
}

/// Each thing that is not as it should be.
fn problems(machine: &Machine, hooks: &[HookReport], drain: &DrainReport) -> Vec<Problem> {
    let mut problems = Vec::new();
    match machine.main_end() {
        Some(MainEnd::Failed { error, interrupted: false }) => {
            problems.push(Problem::MainFailed(error.clone()));
        }
        Some(MainEnd::Panicked(text)) => problems.push(Problem::MainPanicked(text.clone())),
        _ => {}
    }
    if machine.settings().job && !matches!(machine.main_end(), Some(MainEnd::Returned)) {
        let reason = machine.stop().map(|stop| &stop.reason);
        if let Some(reason @ (Reason::Signal { .. } | Reason::Requested(_))) = reason {
            problems.push(Problem::JobStopped(reason.clone()));
        }
    }
    if let Some(Reason::Failure(why)) = machine.stop().map(|stop| &stop.reason) {
        problems.push(Problem::AskedAsFailure(why.clone()));
    }
    problems.extend(Problem::abandoned(drain));
    let unclean = hooks.iter().filter(|hook| machine.is_unclean(&hook.outcome));
    problems.extend(unclean.map(Problem::hook));
    problems
}

fn log_report(report: &Report) {
    let (code, total) = (report.exit_code(), report.total());
    if report.is_clean() {
        info!(target: "lifecycle", exit_code = code, "stopped cleanly in {total:.1?}");
    } else {
        let problems = report.problems().join("; ");
        warn!(target: "lifecycle", exit_code = code, "stopped in {total:.1?}, not cleanly: {problems}");
    }
}
