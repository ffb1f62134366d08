//! Starts hooks: a task for an async one, a thread for one that blocks. Whatever happens to it, the machine
//! is told how it ended, exactly once.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tracing::Instrument;

use super::{lifecycle::Lifecycle, registry::Action, watchdog::PollTimer};
use crate::machine::{End, Input};
use crate::{
    ShutdownContext,
    admission::context,
    declare::HookId,
    declare::hook::{Body, HookDecl, HookEnd},
    plan::PlannedHook,
    resource::Binder,
    text::redact::redact,
};

pub(crate) type HookFuture = Pin<Box<dyn Future<Output = HookEnd> + Send>>;

impl Lifecycle {
    /// Starts `hook`, which will be cancelled after `timeout`.
    pub(crate) fn launch(&'static self, hook: &PlannedHook, timeout: Duration) {
        let id = hook.id();
        if let Some(fault) = self.harness.as_ref().and_then(|harness| harness.fault_of(id)) {
            self.launch_fault(hook, fault);
            return;
        }
        self.resources.began(id);
        let missing = self.resources.missing(hook.needs());
        if !missing.is_empty() {
            let why: Vec<_> = missing.iter().map(ToString::to_string).collect();
            self.hook_ended(id, End::Skipped(why.join("; ")));
            return;
        }
        let name = hook.name().to_owned();
        match self.registry.action(id) {
            Some(Action::Declared(decl)) if decl.blocking => {
                self.launch_thread(id, name, decl, timeout)
            }
            Some(Action::Declared(decl)) => {
                let context = self.context(timeout);
                let bind = move || match self.bind(id, decl, &name, context) {
                    Ok(Body::Async(future)) => Ok(self.standing_by(id, future)),
                    Ok(Body::Sync(call)) => Ok(Box::pin(async move { call() }) as HookFuture),
                    Err(why) => Err(why),
                };
                self.launch_task(id, hook.name(), bind);
            }
            Some(Action::Registered(start)) => {
                self.launch_task(id, hook.name(), move || Ok(start()))
            }
            None => self.hook_ended(id, End::Unregistered),
        }
    }

    /// Starts the second step of a hook that timed out.
    pub(crate) fn launch_fallback(&'static self, id: HookId) {
        match self.registry.second_step(id) {
            Some(start) => self.launch_task(id, "on_timeout", move || Ok(start())),
            None => self.hook_ended(id, End::Completed),
        }
    }

    pub(crate) fn launch_task(
        &'static self,
        id: HookId,
        name: &str,
        start: impl FnOnce() -> Result<HookFuture, String> + Send + 'static,
    ) {
        let Some(runtime) = self.runtime.get() else {
            self.hook_ended(id, End::Skipped("there is no runtime to run it on".to_owned()));
            return;
        };
        let announce = Announce { lifecycle: self, id, end: None };
        let span_name = name.to_owned();
        let admission = self.gate.hook_admission();
        let poll_timer = self.watchdog.of_hook(id);
        let task = runtime.spawn(async move {
            // Dropped after everything below, also when the task is aborted.
            let announce = announce;
            let span = self.log.hook_span(&span_name);
            let start =
                || span.in_scope(|| admission.enter(|| catch_unwind(AssertUnwindSafe(start))));
            let started = poll_timer.during(self.now(), start);
            let end = match started {
                Ok(Ok(future)) => {
                    let caught =
                        Caught { lifecycle: self, poll_timer, future: admission.scope(future) };
                    caught.instrument(span).await
                }
                Ok(Err(why)) => End::Skipped(why),
                Err(panic) => End::Panicked(panic_text(&*panic)),
            };
            announce.end(end);
        });
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).insert(id, task.abort_handle());
    }

    fn launch_thread(
        &'static self,
        id: HookId,
        name: String,
        decl: &'static HookDecl,
        timeout: Duration,
    ) {
        let context = self.context(timeout);
        let admission = self.gate.hook_admission();
        let runtime = self.runtime.get().cloned();
        let announce = Announce { lifecycle: self, id, end: None };
        let stand_by = self.stand_by();
        let thread = std::thread::Builder::new().name(thread_name(&name)).spawn(move || {
            let _stand_by = stand_by;
            let _gate = context::use_gate(Arc::clone(&self.gate));
            let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
            let work = || {
                Ok(match self.bind(id, decl, &name, context)? {
                    Body::Sync(call) => call(),
                    Body::Async(_) => Err("declared as blocking, and is async".to_owned()),
                })
            };
            let span = self.log.hook_span(&name);
            let ended = span.in_scope(|| admission.enter(|| catch_unwind(AssertUnwindSafe(work))));
            announce.end(match ended {
                Ok(Ok(end)) => end_of(end),
                Ok(Err(why)) => End::Skipped(why),
                Err(panic) => End::Panicked(panic_text(&*panic)),
            });
        });
        // Without a thread the closure was dropped, and said that the hook was cancelled.
        if let Err(error) = thread {
            self.eprint(&format!("no thread could be had for a hook: {error}"));
        }
    }

    fn bind(
        &self,
        id: HookId,
        decl: &HookDecl,
        name: &str,
        context: ShutdownContext,
    ) -> Result<Body, String> {
        let mut binder = Binder::new(&self.resources, id, name, Arc::new(context));
        let body = (decl.start)(&mut binder);
        // Also where the parameter is an `Option`: the resource is there, and cannot be had.
        match (body, binder.into_problem()) {
            (Some(body), None) => Ok(body),
            (_, problem) => Err(problem.unwrap_or_else(|| "a resource was not there".to_owned())),
        }
    }

    fn context(&self, timeout: Duration) -> ShutdownContext {
        let now = Instant::now();
        let machine = self.machine();
        let left = machine.time_left(self.now());
        let reason = machine.stop().map(|stop| stop.reason.clone());
        drop(machine);
        ShutdownContext {
            reason: reason.unwrap_or(crate::Reason::MainReturned),
            shutdown_id: self.shutdown_id.get().cloned().unwrap_or_default(),
            deadline: later(now, timeout),
            stop_deadline: left.map(|left| later(now, left)),
            abandoned: self.gate.report().into_iter().filter(|site| site.abandoned() > 0).collect(),
        }
    }

    fn hook_ended(&self, hook: HookId, end: End) {
        self.resources.ended(hook);
        self.post(Input::HookEnded { hook, end });
    }

    /// Drops what no hook took, last provided first, on a thread of its own.
    pub(crate) fn drop_resources(&'static self) {
        let runtime = self.runtime.get().cloned();
        let stand_by = self.stand_by();
        let thread =
            std::thread::Builder::new().name("lifecycle-drop".to_owned()).spawn(move || {
                let _stand_by = stand_by;
                let _gate = context::use_gate(Arc::clone(&self.gate));
                let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
                for unclaimed in self.resources.unclaimed() {
                    let what =
                        format!("`{}`, provided at {}", unclaimed.type_name, unclaimed.location);
                    self.set_dropping(Some(what.clone()));
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| unclaimed.drop_value())) {
                        self.eprint(&format!(
                            "the destructor of {what} panicked: {}",
                            panic_text(&*panic)
                        ));
                    }
                }
                self.set_dropping(None);
                self.post(Input::ResourcesDropped);
            });
        if thread.is_err() {
            self.post(Input::ResourcesDropped);
        }
    }

    fn set_dropping(&self, what: Option<String>) {
        *self.dropping.lock().unwrap_or_else(PoisonError::into_inner) =
            what.map(|what| (what, self.now()));
    }
}

/// Tells the machine how a hook ended, when it is dropped.
pub(crate) struct Announce {
    pub(crate) lifecycle: &'static Lifecycle,
    pub(crate) id: HookId,
    pub(crate) end: Option<End>,
}

impl Announce {
    pub(crate) fn end(mut self, end: End) {
        self.end = Some(end);
    }
}

impl Drop for Announce {
    fn drop(&mut self) {
        let end = self.end.take().unwrap_or(End::Cancelled);
        self.lifecycle.hook_ended(self.id, end);
    }
}

pin_project_lite::pin_project! {
    /// A hook's future whose panic is its end.
    struct Caught<F> {
        lifecycle: &'static Lifecycle,
        poll_timer: Arc<PollTimer>,
        #[pin]
        future: F,
    }
}

impl<F: Future<Output = HookEnd>> Future for Caught<F> {
    type Output = End;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = self.project();
        let poll = || catch_unwind(AssertUnwindSafe(|| this.future.poll(cx)));
        match this.poll_timer.during(this.lifecycle.now(), poll) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(end)) => Poll::Ready(end_of(end)),
            Err(panic) => Poll::Ready(End::Panicked(panic_text(&*panic))),
        }
    }
}

fn end_of(end: HookEnd) -> End {
    end.map_or_else(|error| End::Failed(redact(&error)), |()| End::Completed)
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    redact(&text.unwrap_or_else(|| "(a value that is no text)".to_owned()))
}

/// `after` from `now`; a time that no clock can tell is a century away.
fn later(now: Instant, after: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    now.checked_add(after).unwrap_or_else(|| now + CENTURY)
}

/// The system shows 15 bytes of it, so the end of the path is what counts.
fn thread_name(hook: &str) -> String {
    hook.rsplit("::").next().unwrap_or(hook).chars().filter(|char| *char != '\0').take(15).collect()
}
