//! The spans of hooks: made by the thread of the log, entered by the hook. A subscriber that blocks
//! or panics costs a hook its span, and nothing else.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tracing::{Span, span::Entered};

use crate::foreign::contain;

/// How long a hook waits for its span, a quarter of its own time at most.
pub(super) const SPAN_TIMEOUT: Duration = Duration::from_millis(500);
/// The same where the quarter is less than this, or an earlier hook has waited in vain.
pub(super) const SHORT_SPAN_TIMEOUT: Duration = Duration::from_millis(20);

/// A span that comes, or does not.
#[derive(Clone)]
pub(super) struct PromisedSpan(Arc<Shared>);

/// Who makes it: dropped without a word, there is none.
pub(super) struct Promise(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether there is nothing to wait for any more.
    is_settled: bool,
    span: Option<Span>,
    waiting: Option<Waker>,
}

impl PromisedSpan {
    pub(super) fn new() -> (Promise, Self) {
        let shared = Arc::default();
        (Promise(Arc::clone(&shared)), Self(shared))
    }

    /// Nobody waits any longer.
    pub(super) fn give_up(&self) {
        self.0.settle(None);
    }

    pub(super) fn is_settled(&self) -> bool {
        self.0.lock().is_settled
    }

    /// For a task: somebody has to [give up](Self::give_up) in time.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<ContainedSpan> {
        let mut state = self.0.lock();
        if state.is_settled {
            return Poll::Ready(ContainedSpan(state.span.take()));
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// For a thread; likewise.
    pub(super) fn wait(&self) -> ContainedSpan {
        let open = |state: &mut State| !state.is_settled;
        let waited = self.0.changed.wait_timeout_while(self.0.lock(), SPAN_TIMEOUT, open);
        ContainedSpan(waited.unwrap_or_else(PoisonError::into_inner).0.span.take())
    }
}

impl Promise {
    pub(super) fn keep(self, span: Span) {
        self.0.settle(Some(span));
    }

    pub(super) fn give_up(self) {}
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.0.settle(None);
    }
}

impl Shared {
    /// The first word stands.
    fn settle(&self, span: Option<Span>) {
        let mut state = self.lock();
        if state.is_settled {
            drop(state);
            // A span that comes too late is closed here, where it was made.
            return drop(span);
        }
        state.is_settled = true;
        state.span = span;
        let waiting = state.waiting.take();
        drop(state);
        self.changed.notify_all();
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A span, if there is one. What the subscriber panics with is contained: a second panic while the
/// first one unwinds would end the process.
pub(super) struct ContainedSpan(Option<Span>);

impl ContainedSpan {
    pub(super) const fn of(span: Option<Span>) -> Self {
        Self(span)
    }

    pub(super) fn enter(&self) -> EnteredSpan<'_> {
        EnteredSpan::of(self.0.as_ref())
    }
}

impl Drop for ContainedSpan {
    fn drop(&mut self) {
        if let Some(span) = self.0.take() {
            let _ = contain(|| drop(span));
        }
    }
}

/// Left without a panic: two at once would end the process.
pub(super) struct EnteredSpan<'s>(Option<Entered<'s>>);

impl<'s> EnteredSpan<'s> {
    pub(super) fn of(span: Option<&'s Span>) -> Self {
        Self(span.and_then(|span| contain(|| span.enter()).ok()))
    }
}

impl Drop for EnteredSpan<'_> {
    fn drop(&mut self) {
        if let Some(entered) = self.0.take() {
            let _ = contain(|| drop(entered));
        }
    }
}
