//! `run`: main under a lifecycle.

use std::{
    fmt::{Debug, Display},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    process::ExitCode,
    task::Poll,
};

use super::{
    host::Host,
    inbox::Post,
    launch::panic_text,
    lifecycle::{Lifecycle, RunContext},
    start_line::StartLine,
};
use crate::machine::{Input, MainEnd};
use crate::{
    Config, FitError, Fits, Plan, Report,
    admission::{context, drop_as_lost},
    budget::{Constraints, Manifest, Workload},
    config::{Components, Diagnostic, Environment, HookTimeouts, PlanAnswer, Settings},
    declare::hook::Returns,
    os,
    plan::PlanError,
    report::Problem,
    text::redact::redact,
    text::terminal,
};

/// Runs `main` until it returns or a stop is asked for, then stops by the plan; with every number at its
/// default. See [`Config::run`].
pub async fn run<M>(main: M) -> Report
where
    M: Future<Output: MainResult>,
{
    Config::new().run(main).await
}

impl Config {
    /// Runs `main` under this configuration.
    ///
    /// Signals are heard from here to the end of the process. When a stop is asked for (a signal,
    /// [`shutdown`](crate::shutdown), or main returning), new work is refused, work in flight is finished
    /// within its time, and the hooks run by the plan. The report is final when this returns; it says the
    /// exit code, and returning it from `main` ends the process with that. Never ends the process itself,
    /// but for the last step of the escalation, the deadline, and the exit timeout.
    ///
    /// `main` is polled in place and need not be `Send`. With an invalid plan, configuration or environment,
    /// with `LIFECYCLE_PLAN` set, outside a tokio runtime, or when this is not the process's first `run`,
    /// it is not polled at all, and the report says why.
    ///
    /// # Panics
    ///
    /// Never: a panic of `main` is in the report.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is a stop without hooks, said in one line on stderr.
    pub async fn run<M>(self, main: M) -> Report
    where
        M: Future<Output: MainResult>,
    {
        run_under(self, main, false).await
    }
}

/// What main may return: `()`, `!`, `ExitCode`, or a `Result` of `()` or `ExitCode` with an error that is
/// `Display + Debug`.
#[diagnostic::on_unimplemented(
    message = "main cannot return `{Self}`",
    label = "not a result of main",
    note = "main returns `()`, `!`, `ExitCode`, or `Result<(), E>` or `Result<ExitCode, E>` where `E: Display + Debug`"
)]
pub trait MainResult {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), MainFailure>;
}

/// Why main failed, and what the process is to end with.
#[doc(hidden)]
#[derive(Debug)]
pub struct MainFailure {
    text: String,
    code: u8,
}

impl MainResult for () {
    fn into_result(self) -> Result<(), MainFailure> {
        Ok(())
    }
}

impl MainResult for ExitCode {
    fn into_result(self) -> Result<(), MainFailure> {
        // Nothing tells the number of an exit code, but it can be compared.
        match (0..=u8::MAX).find(|code| Self::from(*code) == self) {
            Some(0) => Ok(()),
            code => {
                let code = code.unwrap_or(1);
                Err(MainFailure { text: format!("it returned exit code {code}"), code })
            }
        }
    }
}

#[diagnostic::do_not_recommend]
impl<E: Display + Debug> MainResult for Result<(), E> {
    /// `anyhow` and its kin show the chain of causes in the alternate form; others show the same.
    fn into_result(self) -> Result<(), MainFailure> {
        self.map_err(|error| MainFailure { text: format!("{error:#}"), code: 1 })
    }
}

#[diagnostic::do_not_recommend]
impl<E: Display + Debug> MainResult for Result<ExitCode, E> {
    fn into_result(self) -> Result<(), MainFailure> {
        match self {
            Ok(code) => code.into_result(),
            Err(error) => Err::<(), _>(error).into_result(),
        }
    }
}

#[diagnostic::do_not_recommend]
impl MainResult for <fn() -> ! as Returns>::Output {
    fn into_result(self) -> Result<(), MainFailure> {
        self
    }
}

/// What a scenario has made of its main.
#[cfg(feature = "testing")]
impl MainResult for Result<(), MainFailure> {
    fn into_result(self) -> Self {
        self
    }
}

pub(crate) async fn run_under<M>(config: Config, main: M, under_main: bool) -> Report
where
    M: Future<Output: MainResult>,
{
    let lifecycle = Lifecycle::current();
    let prepared = Prepared::new(&config, &lifecycle.host.environment());
    if let Some(report) = prepared.answer(lifecycle.host) {
        return report;
    }
    let components = config.components;
    if let Err(why) = lifecycle.begin(prepared, under_main) {
        return invalid(vec![why]);
    }
    let mut guard = RunGuard { lifecycle, finished: false };
    let end = lifecycle.poll_main(&components, main).await;
    lifecycle.post(Input::MainEnded(end));
    let report = lifecycle.report.published().await;
    guard.finished = true;
    report
}

/// Configuration and environment, put together and checked, with nothing done yet.
pub(crate) struct Prepared {
    pub(crate) settings: Settings,
    diagnostics: Vec<Diagnostic>,
    pub(crate) plan: Plan,
    invalid_plan: Option<PlanError>,
    hook_timeouts: HookTimeouts,
    /// What the plan is to be held against, and the environment that this process has.
    manifest: Option<(Manifest, Environment)>,
}

impl Prepared {
    pub(crate) fn new(config: &Config, environment: &Environment) -> Self {
        let (settings, mut diagnostics) = Settings::resolve(config, environment);
        let plan = config.plan.clone().unwrap_or_else(Plan::declared);
        let plan = plan.with_components(settings.components.clone());
        let mut plan = settings.with_hook_timeout(plan);
        let hook_timeouts = HookTimeouts(settings.hook_timeouts.clone());
        diagnostics.extend(hook_timeouts.apply(&mut plan));
        let manifest = settings.manifest.as_ref();
        Self {
            manifest: manifest
                .map(|named| (Manifest::of_variables(named).config(config), environment.clone())),
            settings,
            diagnostics,
            invalid_plan: plan.check().err(),
            plan,
            hook_timeouts,
        }
    }

    fn fits(&self) -> Result<Fits, FitError> {
        if let Some((manifest, environment)) = &self.manifest {
            return manifest.hold(&self.plan, environment);
        }
        self.plan.fits(Constraints::from(&self.settings))
    }

    /// What is to be said instead of running: the plan, where it was asked for, or what is wrong. A refusal to
    /// start is left where a stop leaves its report.
    pub(crate) fn answer(&self, host: &dyn Host) -> Option<Report> {
        let report = self.said_instead()?;
        if self.settings.plan_answer.is_none()
            && let Some(files) = host.report_files(&self.settings)
            && let Err(wrong) = files.write(&report)
        {
            host.eprint(&format!("lifecycle: {wrong}\n"));
        }
        Some(report)
    }

    fn said_instead(&self) -> Option<Report> {
        let errors = self.diagnostics.iter().filter(|found| found.is_error()).cloned();
        let errors = errors.map(Problem::from);
        let errors: Vec<_> = errors.chain(self.invalid_plan.clone().map(Problem::from)).collect();
        if !errors.is_empty() {
            return Some(invalid(errors));
        }
        match self.settings.plan_answer? {
            PlanAnswer::Text => print(&self.plan),
            PlanAnswer::Json => print(&self.plan.to_json()),
            PlanAnswer::Mermaid => print(&self.plan.to_mermaid()),
            PlanAnswer::Dot => print(&self.plan.to_dot()),
            // The settings know only names that are linked.
            PlanAnswer::Linked(name) => print(&self.plan.written_by(name).unwrap_or_default()),
            PlanAnswer::Check => {
                self.plan.hints().iter().for_each(|hint| print(&format_args!("hint: {hint}")));
                match self.fits() {
                    Ok(fits) => print(&fits),
                    Err(error) => return Some(invalid(vec![error.into()])),
                }
            }
        }
        Some(Report::answered())
    }
}

impl Lifecycle {
    /// Everything that is done before main is polled.
    pub(crate) fn begin(
        &'static self,
        prepared: Prepared,
        under_main: bool,
    ) -> Result<(), Problem> {
        let Prepared { settings, diagnostics, plan, hook_timeouts, .. } = prepared;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| Problem::NoRuntime)?;
        if !self.claim() {
            return Err(Problem::RunTwice);
        }
        self.log.adopt_subscriber();
        self.set_run(RunContext { runtime, plan, hook_timeouts });
        // The version first: what is registered from here on may be in the plan, and changes it all the same.
        let plan_version = self.registry.plan_changed();
        let plan = self.plan();
        plan.check()?;
        self.host
            .start(&settings.signals)
            .map_err(|error| Problem::NoSignals(error.to_string()))?;
        let start_line = StartLine::new(&settings, &diagnostics, &plan);
        let workload = Workload::from(&plan);
        let input = Input::RunBegan { settings: Box::new(settings), workload, under_main };
        self.send(Post::RunBegan { input, plan_version, start_line });
        self.check_ready();
        Ok(())
    }

    /// Polls main until it ends or is to be dropped, and drops it.
    async fn poll_main<M>(&self, components: &Components, main: M) -> MainEnd
    where
        M: Future<Output: MainResult>,
    {
        self.main.begin_is_confirmed().await;
        if self.is_stop_asked_for() {
            return MainEnd::NotRun;
        }
        let mut to_be_dropped = self.main.to_be_dropped();
        let mut to_be_dropped = pin!(to_be_dropped.wait_for(|drop| *drop));
        let mut starting = Box::pin(self.start_components(components));
        let started = std::future::poll_fn(|cx| {
            if to_be_dropped.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            starting.as_mut().poll(cx).map(Some)
        });
        let started = started.await;
        // What was cut while it started is dropped here.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(starting)));
        match started {
            Some(Ok(())) if !self.is_stop_asked_for() => {}
            Some(Err(why)) => return MainEnd::ComponentFailed(why),
            Some(Ok(())) | None => return MainEnd::NotRun,
        }
        let mut main = Some(Box::pin(main));
        std::future::poll_fn(|cx| {
            if to_be_dropped.as_mut().poll(cx).is_ready() {
                let dropped = catch_unwind(AssertUnwindSafe(|| {
                    drop_as_lost(|| drop(main.take()));
                }));
                return Poll::Ready(match dropped {
                    Ok(()) => MainEnd::Dropped,
                    Err(panic) => MainEnd::Panicked(panic_text(&*panic)),
                });
            }
            let Some(running) = &mut main else { return Poll::Pending };
            let poll = || context::poll_as_main(|| running.as_mut().poll(cx));
            let polled =
                catch_unwind(AssertUnwindSafe(|| self.main.poll_timer.during(self.now(), poll)));
            let end = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => match result.into_result() {
                    Ok(()) => MainEnd::Returned,
                    Err(MainFailure { text, code }) => MainEnd::Failed {
                        error: redact(&text),
                        interrupted: self.gate.main_was_refused(),
                        code,
                    },
                },
                Err(panic) => MainEnd::Panicked(panic_text(&*panic)),
            };
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(main.take())));
            Poll::Ready(match dropped {
                Ok(()) => end,
                Err(panic) => MainEnd::Panicked(panic_text(&*panic)),
            })
        })
        .await
    }
}

/// Says when the run future is dropped before its end.
struct RunGuard {
    lifecycle: &'static Lifecycle,
    finished: bool,
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        if !self.finished && self.lifecycle.report().is_none() {
            self.lifecycle.post(Input::RunDropped);
            self.lifecycle.components.drop_all();
        }
    }
}

fn invalid(problems: Vec<Problem>) -> Report {
    for problem in &problems {
        let line = terminal::plain_lines(&problem.to_string());
        os::write_stderr(&format!("lifecycle: {line}\n"));
    }
    Report::invalid(problems)
}

fn print(answer: &dyn Display) {
    use std::io::{IsTerminal, Write};
    // Whoever closed the pipe does not want the rest.
    let stdout = std::io::stdout();
    let _ = writeln!(&stdout, "{}", terminal::shown(answer, stdout.is_terminal()));
}
