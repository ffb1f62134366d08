use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use super::{context, refused::Refused, tracked::Tracked, wait::Wait};
use crate::{Site, declare::site::Drain};

pin_project! {
    /// A tracked call that the drain does not wait for: once draining has gone on for as long as
    /// the site's policy grants, or is over before, the future is dropped and `answer` speaks for
    /// it, with `ran()` true.
    ///
    /// A call that was let in as part of another one is never cancelled. Under a policy that
    /// finishes calls this is the future and nothing else. A delay needs a tokio runtime with time;
    /// without one it is looked at only when the future is polled.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Cancellable<F, A> {
        site: &'static Site,
        answer: Option<A>,
        #[pin]
        state: State<F>,
        #[pin]
        wait: Wait,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Running { #[pin] future: Tracked<F> },
        Over,
    }
}

impl<F: Future, A: FnOnce(Refused) -> F::Output> Cancellable<F, A> {
    /// Of `future`, whose coroutine asks for `site`.
    pub const fn new(site: &'static Site, answer: A, future: Tracked<F>) -> Self {
        Self { site, answer: Some(answer), state: State::Running { future }, wait: Wait::NotYet }
    }
}

impl<F: Future, A: FnOnce(Refused) -> F::Output> Future for Cancellable<F, A> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let StateProj::Running { mut future } = this.state.as_mut().project() else {
            panic!("a tracked future was polled after it had completed");
        };
        // First, so that what is done is not thrown away.
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            this.state.set(State::Over);
            return Poll::Ready(output);
        }
        let Drain::CancelAfter(after) = this.site.policy().drain else { return Poll::Pending };
        let Some(call) = future.call().filter(|call| !call.is_inherited()) else {
            return Poll::Pending;
        };
        ready!(this.wait.poll_due(&call.gate(), after, cx));
        call.cancel();
        context::note_if_main(&call.gate());
        // Drops the future, and all it was given, before the call ends.
        this.state.set(State::Over);
        let answer = this.answer.take().expect("a call is cancelled once");
        Poll::Ready(answer(Refused::new(this.site, true)))
    }
}

impl<F, A> fmt::Debug for Cancellable<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancellable").field("site", &self.site.name()).finish_non_exhaustive()
    }
}
