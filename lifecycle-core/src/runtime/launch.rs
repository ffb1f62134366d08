//! Starts hooks: a task for an async one, a thread for one that blocks. Whatever happens to it, the machine
//! is told how it ended, exactly once.

use std::{
    any::TypeId,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use super::{
    driver::Driver,
    host::Replacement,
    lifecycle::Lifecycle,
    registry::{Action, HookFuture},
    span::{ContainedSpan, PromisedSpan, SHORT_SPAN_TIMEOUT, SPAN_TIMEOUT},
    threads::run_beside,
    watchdog::PollTimer,
};
use crate::{
    Event, ShutdownContext,
    admission::context,
    declare::hook::{Body, HookDecl, HookEnd},
    foreign::{Foreign, contain},
    machine::{End, Input, Moment, TeardownHook},
    os,
    plan::PlannedHook,
    resource::Binder,
    text::redact::redact,
    values::HookId,
};

impl Driver {
    /// Starts the hook, which will be cancelled after `timeout`. That it starts is said where it has
    /// what it asks for.
    pub(super) fn launch(&mut self, hook: &TeardownHook, timeout: Duration) {
        let lifecycle = self.lifecycle;
        let id = hook.id();
        let started =
            Event::HookStarted { name: hook.name().to_owned(), location: hook.location(), timeout };
        if let Some(Replacement { start, goes }) = lifecycle.host.replacement(id, hook.name()) {
            lifecycle.emit(started);
            self.launch_task(hook, hook.name(), timeout, goes, move || Ok(start()));
            return;
        }
        lifecycle.resources.began(id);
        let missing = lifecycle.resources.missing(hook.needs());
        if !missing.is_empty() {
            let why: Vec<_> = missing.iter().map(ToString::to_string).collect();
            let why = why.join("; ");
            let never_was = missing.iter().any(|missing| !missing.was_provided);
            let is_there = !(hook.is_if_provided() && never_was);
            let end = if is_there {
                let advice = if never_was {
                    "lifecycle::provide it before the stop, or make the parameter an Option"
                } else {
                    "let all hooks but one borrow it, or order this one before"
                };
                End::Skipped(format!("{why}; {advice}"))
            } else {
                End::NotProvided(why)
            };
            lifecycle.hook_ended(id, end);
            return;
        }
        let Some(action) = lifecycle.registry.action(id) else {
            lifecycle.hook_ended(id, End::Unregistered);
            return;
        };
        // Where it may be turned away, the binding says so, and only there that is known.
        let started = if lifecycle.resources.may_refuse(id, hook.needs()) {
            Some(started)
        } else {
            lifecycle.emit(started);
            None
        };
        match action {
            Action::Declared(decl) if decl.blocking => {
                self.launch_thread(hook, decl, timeout, started);
            }
            Action::Declared(decl) => {
                let context = self.context(hook, timeout);
                let name = hook.name().to_owned();
                let bind = move || match lifecycle.bind(id, decl, &name, context, started) {
                    Ok(Body::Async(future)) => Ok(lifecycle.host.wrap(id, future)),
                    Ok(Body::Sync(call)) => Ok(Box::pin(async move { call() }) as HookFuture),
                    Err(why) => Err(why),
                };
                self.launch_task(hook, hook.name(), timeout, true, bind);
            }
            Action::Registered(start) => {
                self.launch_task(hook, hook.name(), timeout, true, move || Ok(start()));
            }
        }
    }

    /// Starts the second step of a hook that timed out.
    pub(super) fn launch_fallback(&mut self, hook: &TeardownHook) {
        match self.lifecycle.registry.second_step(hook.id()) {
            Some(start) => {
                self.launch_task(hook, "on_timeout", Duration::ZERO, true, move || Ok(start()));
            }
            None => self.lifecycle.hook_ended(hook.id(), End::Completed),
        }
    }

    /// Runs what `start` makes as the work of the hook, until it ends or, where it `goes`, is cancelled.
    fn launch_task(
        &mut self,
        hook: &TeardownHook,
        name: &str,
        timeout: Duration,
        goes: bool,
        start: impl FnOnce() -> Result<HookFuture, String> + Send + 'static,
    ) {
        let lifecycle = self.lifecycle;
        let id = hook.id();
        let start = Foreign::new(start);
        let Some(runtime) = lifecycle.runtime() else {
            let why = "there is no runtime to run it on".to_owned();
            lifecycle.hook_ended(id, End::Skipped(why));
            return;
        };
        let mut announce = Announce::new(lifecycle, id);
        let span = self.promise_span(name, timeout);
        let admission = lifecycle.gate.hook_admission();
        let poll_timer = Arc::new(PollTimer::default());
        let timer = Arc::clone(&poll_timer);
        let task = runtime.spawn(async move {
            // Dropped after everything below, also when the task is aborted.
            announce.began = true;
            let span = poll_fn(|cx| span.poll(cx)).await;
            let start = || {
                let _in_span = span.enter();
                admission.enter(|| contain(|| start.into_inner().map(|start| start())))
            };
            let started = match timer.during(lifecycle.now(), start) {
                Ok(Some(Ok(future))) => Ok(admission.scope(future)),
                Ok(Some(Err(why))) => Err(End::Skipped(why)),
                Ok(None) => Err(End::Dropped { began: false }),
                Err(said) => Err(End::Panicked(said)),
            };
            // The span is closed when the end is told: the next hook may be what exports it.
            let end = match started {
                Ok(future) => Caught { lifecycle, poll_timer: timer, span, future }.await,
                Err(end) => {
                    drop(span);
                    end
                }
            };
            announce.end(end);
        });
        self.running.started(hook, goes.then(|| task.abort_handle()), poll_timer);
    }

    fn launch_thread(
        &mut self,
        hook: &TeardownHook,
        decl: &'static HookDecl,
        timeout: Duration,
        started: Option<Event>,
    ) {
        let lifecycle = self.lifecycle;
        let (id, name) = (hook.id(), hook.name().to_owned());
        let context = self.context(hook, timeout);
        let admission = lifecycle.gate.hook_admission();
        let mut announce = Announce::new(lifecycle, id);
        let span = self.promise_span(&name, timeout);
        let thread = lifecycle.spawn_thread(&thread_name(&name), move || {
            announce.began = true;
            let work = || {
                Ok(match lifecycle.bind(id, decl, &name, context, started)? {
                    Body::Sync(call) => call(),
                    Body::Async(_) => Err("declared as blocking, and is async".to_owned()),
                })
            };
            let span = span.wait();
            let in_span = span.enter();
            let ended = admission.enter(|| contain(work));
            drop(in_span);
            // As in a task, closed before the end is told.
            drop(span);
            announce.end(match ended {
                Ok(Ok(end)) => end_of(end),
                Ok(Err(why)) => End::Skipped(why),
                Err(said) => End::Panicked(said),
            });
        });
        // The closure was dropped, and has said that the hook did not run.
        if let Err(error) = thread {
            lifecycle.eprint(&format!("hook `{}` ({}): {error}", hook.name(), hook.location()));
        }
    }

    /// The span of a hook that is launched; the hook does not wait for it for ever. That of the stop
    /// ends before the last one, which may be what exports spans, and waits as if nobody had waited
    /// in vain: without that end every span of the stop would lack its root.
    fn promise_span(&mut self, name: &str, timeout: Duration) -> PromisedSpan {
        let is_last = self.machine.teardown().is_some_and(|teardown| teardown.open() == 1);
        if is_last {
            self.lifecycle.log.run(|log| log.close_spans());
        }
        let wait = if is_last || !self.span_was_late {
            SPAN_TIMEOUT.min(timeout / 4).max(SHORT_SPAN_TIMEOUT)
        } else {
            SHORT_SPAN_TIMEOUT
        };
        let span = self.lifecycle.log.hook_span(name);
        if !span.is_settled() {
            let due = self.lifecycle.now().after(wait);
            let place = self.spans.partition_point(|(other, _)| *other <= due);
            self.spans.insert(place, (due, span.clone()));
        }
        span
    }

    /// Hooks do without the spans that have not come in time; says when to ask again.
    pub(super) fn give_up_spans(&mut self, now: Moment) -> Option<Moment> {
        while let Some((due, span)) = self.spans.front() {
            if *due > now && !span.is_settled() {
                return Some(*due);
            }
            self.span_was_late |= !span.is_settled();
            span.give_up();
            self.spans.pop_front();
        }
        None
    }

    fn context(&self, hook: &PlannedHook, timeout: Duration) -> ShutdownContext {
        let now = Instant::now();
        let is_wanted = hook.needs().iter().any(|need| need.id == TypeId::of::<ShutdownContext>());
        let mut abandoned = if is_wanted { self.lifecycle.gate.report() } else { Vec::new() };
        abandoned.retain(|site| site.abandoned() > 0);
        ShutdownContext {
            reason: self.lifecycle.reason().unwrap_or(crate::Reason::MainReturned),
            shutdown_id: self.shutdown_id.clone(),
            deadline: later(now, timeout),
            stop_deadline: self.time_left().map(|left| later(now, left)),
            abandoned,
        }
    }

    /// Drops what no hook took, last provided first, on a thread of its own.
    pub(super) fn drop_resources(&self) {
        let lifecycle = self.lifecycle;
        let dropping = Arc::clone(&self.dropping);
        let thread = lifecycle.spawn_thread("lifecycle-drop", move || {
            for unclaimed in lifecycle.resources.unclaimed() {
                let what = format!("`{}`, provided at {}", unclaimed.type_name, unclaimed.location);
                dropping.set(Some((what.clone(), lifecycle.now())));
                if let Err(text) = contain(|| unclaimed.drop_value()) {
                    lifecycle.eprint(&format!("the destructor of {what} panicked: {text}"));
                }
            }
            dropping.set(None);
            lifecycle.post(Input::ResourcesDropped);
        });
        if let Err(error) = thread {
            lifecycle.eprint(&format!("resources are not dropped: {error}"));
            lifecycle.post(Input::ResourcesDropped);
        }
    }
}

impl Lifecycle {
    /// A thread for code of the application: it belongs to this lifecycle, and the runtime is entered.
    fn spawn_thread(
        &'static self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let runtime = self.runtime().cloned();
        let clock = self.host.hold_clock(runtime.as_ref());
        run_beside(name, self.runtime(), move || {
            os::run_as_application();
            let _clock = clock;
            let _gate = context::use_gate(Arc::clone(&self.gate));
            let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
            work();
        })
    }

    /// `started`: what is said once the hook has what it asks for.
    fn bind(
        &self,
        id: HookId,
        decl: &HookDecl,
        name: &str,
        context: ShutdownContext,
        started: Option<Event>,
    ) -> Result<Body, String> {
        let mut binder = Binder::new(&self.resources, id, name, Arc::new(context));
        let body = (decl.start)(&mut binder);
        // Also where the parameter is an `Option`: the resource is there, and cannot be had.
        match (body, binder.into_problem()) {
            (Some(body), None) => {
                self.resources.count(id, name, decl.uses);
                started.into_iter().for_each(|started| self.emit(started));
                Ok(body)
            }
            (_, problem) => Err(problem.unwrap_or_else(|| "a resource was not there".to_owned())),
        }
    }

    fn hook_ended(&self, hook: HookId, end: End) {
        self.resources.ended(hook);
        self.post(Input::HookEnded { hook, end });
    }
}

/// Tells the machine how a hook ended, when it is dropped.
pub(crate) struct Announce {
    lifecycle: &'static Lifecycle,
    id: HookId,
    began: bool,
    end: Option<End>,
}

impl Announce {
    const fn new(lifecycle: &'static Lifecycle, id: HookId) -> Self {
        Self { lifecycle, id, began: false, end: None }
    }

    pub(crate) fn end(mut self, end: End) {
        self.end = Some(end);
    }
}

impl Drop for Announce {
    fn drop(&mut self) {
        let end = self.end.take().unwrap_or(End::Dropped { began: self.began });
        self.lifecycle.hook_ended(self.id, end);
    }
}

pin_project_lite::pin_project! {
    /// A hook's future whose panic is its end.
    struct Caught<F> {
        lifecycle: &'static Lifecycle,
        poll_timer: Arc<PollTimer>,
        span: ContainedSpan,
        #[pin]
        future: F,
    }
}

impl<F: Future<Output = HookEnd>> Future for Caught<F> {
    type Output = End;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = self.project();
        let _in_span = this.span.enter();
        let poll = || contain(|| this.future.poll(cx));
        match this.poll_timer.during(this.lifecycle.now(), poll) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(end)) => Poll::Ready(end_of(end)),
            Err(said) => Poll::Ready(End::Panicked(said)),
        }
    }
}

fn end_of(end: HookEnd) -> End {
    end.map_or_else(|error| End::Failed(redact(&error)), |()| End::Completed)
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
