//! `run`: main under a lifecycle.

use std::{
    fmt::{Debug, Display},
    io,
    pin::{Pin, pin},
    process::ExitCode,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;

use super::{
    host::Host,
    inbox::Post,
    lifecycle::{Lifecycle, RunContext},
    on_run::OnRun,
    publication::FILE_WRITE_TIMEOUT,
    start_line::StartLine,
};
use crate::machine::{Input, MainEnd};
use crate::{
    Config, FitError, Fits, Plan, Report,
    admission::{context, drop_as_lost},
    budget::{Constraints, Manifest, Workload},
    config::{
        Components, Diagnostic, Environment, HookTimeouts, InCode, OnBusy, PlanAnswer, Settings,
    },
    declare::hook::Returns,
    foreign::{Shielded, contain},
    os,
    plan::PlanError,
    report::Problem,
    text::terminal,
    text::{cut, redact::redact},
};

/// How long a run that is dropped waits for the word about it.
const DROPPED_RUN_TIMEOUT: Duration = Duration::from_millis(300);

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
    /// Dropping the future is a stop without hooks: what is cut by it is said on stderr, for which the
    /// destructor waits, 300 ms at most.
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

fn failure(error: impl Display) -> MainFailure {
    let text = cut::shown(&error);
    // What it says is not lost with a destructor that panics.
    let text = match contain(|| drop(error)) {
        Ok(()) => text,
        Err(said) => format!("{text}; its destructor panicked: {said}"),
    };
    MainFailure { text, code: 1 }
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
        self.map_err(failure)
    }
}

#[diagnostic::do_not_recommend]
impl<E: Display + Debug> MainResult for Result<ExitCode, E> {
    fn into_result(self) -> Result<(), MainFailure> {
        match self {
            Ok(code) => code.into_result(),
            Err(error) => Err(failure(error)),
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
        lifecycle.drop_kept();
        return report;
    }
    let components = config.components;
    if let Err(why) = lifecycle.begin(prepared, under_main) {
        return invalid(vec![why]);
    }
    let running = async {
        let end = lifecycle.poll_main(&components, main).await;
        lifecycle.post(Input::MainEnded(end));
        lifecycle.report.published().await
    };
    Unfinished { lifecycle, finished: false, running }.await
}

/// Configuration and environment, put together and checked, with nothing done yet.
pub(crate) struct Prepared {
    pub(crate) settings: Settings,
    diagnostics: Vec<Diagnostic>,
    pub(crate) plan: Plan,
    invalid_plan: Option<PlanError>,
    hook_timeouts: HookTimeouts,
    on_busy: OnBusy,
    in_code: InCode,
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
            on_busy: config.on_busy.clone(),
            in_code: InCode::of(config),
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
            && let Err(wrong) = files.write(&report, FILE_WRITE_TIMEOUT)
        {
            host.eprint(&format!("lifecycle: {}\n", terminal::plain_lines(&wrong)));
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
        let answer = self.settings.plan_answer?;
        for found in self.diagnostics.iter().filter(|found| !found.is_error()) {
            os::write_stderr(&format!(
                "lifecycle: {}\n",
                terminal::plain_lines(&found.to_string())
            ));
        }
        let printed = match answer {
            PlanAnswer::Text => print(&self.plan),
            PlanAnswer::Json => print(&self.in_code.to_json(&self.plan)),
            PlanAnswer::Mermaid => print(&self.plan.to_mermaid()),
            PlanAnswer::Dot => print(&self.plan.to_dot()),
            // The settings know only names that are linked.
            PlanAnswer::Linked(name) => print(&self.plan.written_by(name).unwrap_or_default()),
            PlanAnswer::Check => {
                let hints = self.plan.hints();
                let mut hints = hints.iter().map(|hint| print(&format_args!("hint: {hint}")));
                match (hints.try_for_each(|printed| printed), self.fits()) {
                    (printed, Ok(fits)) => printed.and_then(|()| print(&fits)),
                    (_, Err(error)) => return Some(invalid(vec![error.into()])),
                }
            }
        };
        Some(match printed {
            Ok(()) => Report::answered(),
            Err(error) => {
                let problem = Problem::NotPrinted(error.to_string());
                os::write_stderr(&format!("lifecycle: {problem}\n"));
                Report::unanswered(problem)
            }
        })
    }
}

impl Lifecycle {
    /// Everything that is done before main is polled.
    pub(crate) fn begin(
        &'static self,
        prepared: Prepared,
        under_main: bool,
    ) -> Result<(), Problem> {
        let Prepared { settings, diagnostics, plan, hook_timeouts, on_busy, .. } = prepared;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| Problem::NoRuntime)?;
        if !self.claim() {
            return Err(Problem::RunTwice);
        }
        self.log.adopt_subscriber();
        self.log.set_runtime(&runtime);
        settings.instance.iter().for_each(|name| self.log.set_instance(name));
        self.set_run(RunContext { runtime, plan, hook_timeouts, terminal: settings.terminal });
        // The version first: what is registered from here on may be in the plan, and changes it all the same.
        let plan_version = self.registry.plan_changed();
        let plan = self.plan();
        plan.check()?;
        self.host.start(&settings).map_err(|error| Problem::NoSignals(error.to_string()))?;
        let start_line =
            StartLine::new(&settings, &diagnostics, &plan, &self.host.listening(&settings.signals));
        let workload = Workload::from(&plan);
        let input = Input::RunBegan { settings: Box::new(settings), workload, under_main };
        self.send(Post::RunBegan { input, plan_version, start_line });
        self.have_linked(OnRun::begins);
        self.watch_busy(on_busy);
        self.check_ready();
        Ok(())
    }

    /// Polls main until it ends or is to be dropped, and drops it.
    async fn poll_main<M>(&self, components: &Components, main: M) -> MainEnd
    where
        M: Future<Output: MainResult>,
    {
        Shielded::new(self.main.begin_is_confirmed()).await;
        if self.is_stop_asked_for() {
            return MainEnd::NotRun;
        }
        let mut to_be_dropped = self.main.to_be_dropped();
        let mut to_be_dropped = pin!(Shielded::new(to_be_dropped.wait_for(|drop| *drop)));
        let mut starting = Box::pin(self.start_components(components));
        let started = std::future::poll_fn(|cx| {
            if to_be_dropped.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            starting.as_mut().poll(cx).map(Some)
        });
        let started = started.await;
        // What was cut while it started is dropped here.
        let _ = contain(|| drop(starting));
        match started {
            Some(Ok(())) if !self.is_stop_asked_for() => {}
            Some(Err(why)) => return MainEnd::ComponentFailed(why),
            Some(Ok(())) | None => return MainEnd::NotRun,
        }
        let mut main = Some(Box::pin(main));
        std::future::poll_fn(|cx| {
            if to_be_dropped.as_mut().poll(cx).is_ready() {
                let dropped = contain(|| drop_as_lost(|| drop(main.take())));
                return Poll::Ready(match dropped {
                    Ok(()) => MainEnd::Dropped,
                    Err(said) => MainEnd::Panicked(said),
                });
            }
            let Some(running) = &mut main else { return Poll::Pending };
            let poll = || context::poll_as_main(|| running.as_mut().poll(cx));
            let polled = contain(|| {
                let polled = self.main.poll_timer.during(self.now(), poll);
                // What the error shows, and its destructor, are main's as well.
                polled.map(MainResult::into_result)
            });
            self.host.check_process();
            let end = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(Ok(()))) => MainEnd::Returned,
                Ok(Poll::Ready(Err(MainFailure { text, code }))) => MainEnd::Failed {
                    error: redact(&text),
                    interrupted: self.gate.main_was_refused(),
                    code,
                },
                Err(said) => MainEnd::Panicked(said),
            };
            Poll::Ready(match contain(|| drop(main.take())) {
                Ok(()) => end,
                Err(said) => MainEnd::Panicked(said),
            })
        })
        .await
    }
}

pin_project! {
    /// A run that says when it is dropped before its end.
    struct Unfinished<F> {
        lifecycle: &'static Lifecycle,
        finished: bool,
        #[pin]
        running: F,
    }

    impl<F> PinnedDrop for Unfinished<F> {
        // Before main is dropped, so that the calls inside of it are named.
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let lifecycle = *this.lifecycle;
            if !*this.finished && lifecycle.report().is_none() {
                lifecycle.post(Input::RunDropped);
                lifecycle.host.let_drive();
                // The process may end as soon as this returns: what there is to say is said first.
                lifecycle.report.wait(DROPPED_RUN_TIMEOUT);
                lifecycle.components.drop_all();
            }
        }
    }
}

impl<F: Future<Output = Report>> Future for Unfinished<F> {
    type Output = Report;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Report> {
        let this = self.project();
        let polled = this.running.poll(cx);
        *this.finished |= polled.is_ready();
        polled
    }
}

pub(super) fn invalid(problems: Vec<Problem>) -> Report {
    for problem in &problems {
        let line = terminal::plain_lines(&problem.to_string());
        os::write_stderr(&format!("lifecycle: {line}\n"));
    }
    Report::invalid(problems)
}

fn print(answer: &dyn Display) -> io::Result<()> {
    use std::io::{IsTerminal, Write};
    let mut stdout = io::stdout();
    let is_terminal = stdout.is_terminal();
    let printed = writeln!(stdout, "{}", terminal::shown(answer, is_terminal));
    match printed.and_then(|()| stdout.flush()) {
        // Whoever closed the pipe does not want the rest.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
