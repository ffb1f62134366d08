use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use lifecycle_core::{Guard, ext};
use pin_project_lite::pin_project;

use crate::{
    BoxError,
    milestone::{self, Wait},
    site::STREAMS,
};

const CANCELLED: &str = "cancelled: the service is shutting down";

pin_project! {
    /// The response body of [`Track`](super::Track): the request is in flight until it has ended or
    /// was dropped, and it is polled and dropped as part of the request.
    pub struct TrackedBody<B> {
        #[pin]
        inner: Inner<B>,
        call: Option<Call>,
    }

    impl<B> PinnedDrop for TrackedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            this.end();
        }
    }
}

pin_project! {
    #[project = InnerProj]
    enum Inner<B> {
        Body { #[pin] body: B },
        Text { text: Bytes },
        Over,
    }
}

impl<B> TrackedBody<B> {
    pub(super) const fn tracked(body: B, call: Call) -> Self {
        Self { inner: Inner::Body { body }, call: Some(call) }
    }

    pub(super) const fn untracked(body: B) -> Self {
        Self { inner: Inner::Body { body }, call: None }
    }

    pub(super) const fn text(text: Bytes) -> Self {
        Self { inner: Inner::Text { text }, call: None }
    }

    /// What the body held is let go of inside the call, which ends after it.
    fn end(self: Pin<&mut Self>) {
        let mut this = self.project();
        match this.call.take() {
            Some(call) => call.guard.enter(|| this.inner.set(Inner::Over)),
            None => this.inner.set(Inner::Over),
        }
    }
}

impl<B> Body for TrackedBody<B>
where
    B: Body<Data: From<Bytes>, Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.as_mut().project();
        let frame = match this.inner.as_mut().project() {
            InnerProj::Over => return Poll::Ready(None),
            InnerProj::Text { text } => {
                let text = std::mem::take(text);
                this.inner.set(Inner::Over);
                let frame = Frame::data(B::Data::from(text.clone()));
                return Poll::Ready((!text.is_empty()).then_some(Ok(frame)));
            }
            InnerProj::Body { body } => match this.call {
                None => body.poll_frame(cx),
                Some(call) => {
                    // First: a stream that always has something to send would never be done.
                    if call.poll_end(cx).is_ready() {
                        // A stream has no end that could be missed; of anything else this is a
                        // part.
                        let is_part = !call.is_stream;
                        if is_part {
                            call.cut();
                        }
                        self.end();
                        return Poll::Ready(is_part.then(|| Err(CANCELLED.into())));
                    }
                    call.guard.enter(|| body.poll_frame(cx))
                }
            },
        };
        let frame = ready!(frame);
        if !matches!(frame, Some(Ok(_))) {
            self.end();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Body { body } => body.is_end_stream(),
            Inner::Text { text } => text.is_empty(),
            Inner::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Body { body } => body.size_hint(),
            Inner::Text { text } => SizeHint::with_exact(text.len() as u64),
            Inner::Over => SizeHint::with_exact(0),
        }
    }
}

impl<B> fmt::Debug for TrackedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackedBody").field("call", &self.call).finish_non_exhaustive()
    }
}

/// A request in flight, and when the drain ends it.
#[derive(Debug)]
pub(super) struct Call {
    guard: Guard,
    end: Option<End>,
    is_stream: bool,
}

struct End(Wait);

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("End")
    }
}

impl Call {
    pub(super) fn new(guard: Guard, end: Option<Wait>) -> Self {
        Self { guard, end: end.map(End), is_stream: false }
    }

    /// From here it counts as an event stream, which draining ends.
    pub(super) fn into_stream(self) -> Self {
        match self.guard.enter(|| STREAMS.admit()) {
            Ok(guard) => Self {
                guard,
                end: Some(End(milestone::draining_for(Duration::ZERO))),
                is_stream: true,
            },
            // Part of an admitted call, so it is never refused.
            Err(_) => self,
        }
    }

    /// The drain ends it: it is cancelled and has not finished.
    pub(super) fn cut(&self) {
        ext::cancel(&self.guard);
    }

    /// Ready when the drain's patience with it is over.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(end) = &mut self.end else { return Poll::Pending };
        ready!(end.0.as_mut().poll(cx));
        self.end = None;
        Poll::Ready(())
    }
}
