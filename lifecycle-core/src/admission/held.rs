use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::{
    call::Call,
    context,
    refused::Refused,
    tracked::{Progress, Tracked},
};
use crate::Site;

/// Lets a call of `site` in, or turns it away: for functions that are no `async fn` and return a
/// future or a stream.
///
/// # Errors
/// The call is fresh and the service is draining.
pub fn hold(site: &'static Site) -> Result<Held, Refused> {
    context::admit(site).map(|call| Held { call })
}

/// An admitted call whose future or stream is still to be made.
#[derive(Debug)]
#[must_use = "the call ends when this is dropped"]
pub struct Held {
    call: Call,
}

impl Held {
    /// Makes the future, as part of the call, which is in flight until the future has completed,
    /// and then was dropped in place, or was dropped.
    pub fn future<F: Future>(self, make: impl FnOnce() -> F) -> HeldFuture<F> {
        HeldFuture { state: FutureState::Running { future: self.make(make) } }
    }

    /// Makes the stream, as part of the call, which is in flight until the stream has ended, and
    /// then was dropped in place, or was dropped.
    pub fn stream<S: Stream>(self, make: impl FnOnce() -> S) -> HeldStream<S> {
        HeldStream { state: StreamState::Running { stream: self.make(make) } }
    }

    fn make<T>(self, make: impl FnOnce() -> T) -> Tracked<T> {
        let frame = context::push(self.call, true);
        let made = make();
        Tracked::whole(Some(frame.pop()), made)
    }
}

pin_project! {
    /// A future that is a tracked call, from before it was made.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct HeldFuture<F>
    where
        F: Future,
    {
        #[pin]
        state: FutureState<F>,
    }
}

pin_project! {
    #[project = FutureStateProj]
    enum FutureState<F>
    where
        F: Future,
    {
        Running { #[pin] future: Tracked<F> },
        Refused { answer: Option<F::Output> },
        Over,
    }
}

impl<F: Future> HeldFuture<F> {
    /// Completes with `answer` and counts nothing.
    pub const fn refused(answer: F::Output) -> Self {
        Self { state: FutureState::Refused { answer: Some(answer) } }
    }
}

impl<F: Future> Future for HeldFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut state = self.project().state;
        let output = match state.as_mut().project() {
            FutureStateProj::Running { future } => {
                let completed = |poll: &Poll<_>| match poll {
                    Poll::Ready(_) => Progress::Completed,
                    Poll::Pending => Progress::Pending,
                };
                match future.step(|future| future.poll(cx), completed) {
                    Poll::Ready(output) => Some(output),
                    Poll::Pending => return Poll::Pending,
                }
            }
            FutureStateProj::Refused { answer } => answer.take(),
            FutureStateProj::Over => None,
        };
        // Drops the future, and all it was given, before the call ends.
        state.set(FutureState::Over);
        Poll::Ready(output.expect("a tracked future was polled after it had completed"))
    }
}

impl<F: Future> fmt::Debug for HeldFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// A stream that is a tracked call, from before it was made. Fused.
    #[must_use = "streams do nothing unless polled"]
    pub struct HeldStream<S>
    where
        S: Stream,
    {
        #[pin]
        state: StreamState<S>,
    }
}

pin_project! {
    #[project = StreamStateProj]
    enum StreamState<S>
    where
        S: Stream,
    {
        Running { #[pin] stream: Tracked<S> },
        Refused { answer: Option<S::Item> },
        Over,
    }
}

impl<S: Stream> HeldStream<S> {
    /// Yields `answer`, then ends, and counts nothing.
    pub const fn refused(answer: S::Item) -> Self {
        Self { state: StreamState::Refused { answer: Some(answer) } }
    }
}

impl<S: Stream> Stream for HeldStream<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut state = self.project().state;
        let item = match state.as_mut().project() {
            StreamStateProj::Running { stream } => {
                let ended = |poll: &Poll<Option<_>>| match poll {
                    Poll::Ready(None) => Progress::Completed,
                    Poll::Ready(Some(_)) | Poll::Pending => Progress::Pending,
                };
                match stream.step(|stream| stream.poll_next(cx), ended) {
                    Poll::Ready(Some(item)) => return Poll::Ready(Some(item)),
                    Poll::Ready(None) => None,
                    Poll::Pending => return Poll::Pending,
                }
            }
            StreamStateProj::Refused { answer } => answer.take(),
            StreamStateProj::Over => None,
        };
        // Drops the stream, and all it was given, before the call ends.
        state.set(StreamState::Over);
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.state {
            StreamState::Running { stream } => stream.get().size_hint(),
            StreamState::Refused { .. } => (1, Some(1)),
            StreamState::Over => (0, Some(0)),
        }
    }
}

impl<S: Stream> fmt::Debug for HeldStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldStream").finish_non_exhaustive()
    }
}
