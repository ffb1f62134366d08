use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, header::CONTENT_TYPE};
use http_body::Body;
use lifecycle_core::Scoped;
use pin_project_lite::pin_project;

use super::{
    body::{Call, TrackedBody},
    refusal::Dialect,
};

pin_project! {
    /// The future of [`Track`](super::Track).
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Answer { response: Option<Response<TrackedBody<B>>> },
        Untracked { #[pin] future: F },
        Admitted { #[pin] future: Scoped<F>, call: Option<Call>, dialect: Dialect, ends_event_streams: bool },
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) const fn untracked(future: F) -> Self {
        Self { state: State::Untracked { future } }
    }

    pub(super) fn refused(response: Response<Bytes>) -> Self {
        Self { state: State::Answer { response: Some(response.map(TrackedBody::text)) } }
    }

    pub(super) const fn admitted(
        future: Scoped<F>,
        call: Call,
        dialect: Dialect,
        ends_event_streams: bool,
    ) -> Self {
        Self { state: State::Admitted { future, call: Some(call), dialect, ends_event_streams } }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<TrackedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        match state.as_mut().project() {
            StateProj::Answer { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => panic!("polled after completion"),
            },
            StateProj::Untracked { future } => {
                let response = ready!(future.poll(cx))?;
                Poll::Ready(Ok(response.map(TrackedBody::untracked)))
            }
            StateProj::Admitted { future, call, dialect, ends_event_streams } => {
                if let Poll::Ready(response) = future.poll(cx) {
                    let Some(mut call) = call.take() else { panic!("polled after completion") };
                    let response = response?;
                    if *ends_event_streams && is_event_stream(&response) {
                        call = call.into_stream();
                    }
                    return Poll::Ready(Ok(response.map(|body| TrackedBody::tracked(body, call))));
                }
                let Some(call) = call else { return Poll::Pending };
                ready!(call.poll_end(cx));
                call.cut();
                let response = dialect.cancelled();
                // What the handler held goes before the answer says that it was cancelled.
                state.set(State::Answer { response: None });
                Poll::Ready(Ok(response.map(TrackedBody::text)))
            }
        }
    }
}

fn is_event_stream<B: Body>(response: &Response<B>) -> bool {
    // Whose length is known has an end.
    if response.body().size_hint().exact().is_some() {
        return false;
    }
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

impl<F, B> std::fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
