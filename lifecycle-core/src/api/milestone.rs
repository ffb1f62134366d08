//! The four milestones, as futures for any task.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use crate::{
    Report, SourceLocation, State,
    admission::{Gate, context::Interest},
    foreign::Shielded,
    runtime::{Lifecycle, Published},
};

/// Completes when a stop was asked for: whatever *fetches* work goes quiet here, while work that
/// comes from outside is still admitted. Cancel safe.
#[track_caller]
#[must_use = "futures do nothing unless polled"]
pub fn requested() -> Milestone {
    Lifecycle::current().gate.listen(SourceLocation::caller(), Interest::Other);
    Milestone::new(Reached::Requested)
}

/// Completes when draining begins: new work is refused from here. Whoever has asked listens: main
/// is taken to know of the drain and has the drain's time to return. Cancel safe.
#[track_caller]
#[must_use = "futures do nothing unless polled"]
pub fn draining() -> Milestone {
    Lifecycle::current().gate.listen(SourceLocation::caller(), Interest::Draining);
    Milestone::new(Reached::Draining)
}

/// Completes when nothing is in flight any more, or the drain's time is up. It does not wait for main:
/// a server that stays up until here is inside of it. Whoever has asked listens: main has
/// `main_timeout` from here on, and hooks run after. Cancel safe.
#[track_caller]
#[must_use = "futures do nothing unless polled"]
pub fn drained() -> Milestone {
    Lifecycle::current().gate.listen(SourceLocation::caller(), Interest::Other);
    Milestone::new(Reached::Drained)
}

/// Completes with the report when it is final. Cancel safe. Under `#[lifecycle::main]` the runtime
/// ends right after: a task that waits for this is not waited for.
#[must_use = "futures do nothing unless polled"]
pub fn stopped() -> Stopped {
    Stopped { inner: Box::pin(Lifecycle::current().report.published()) }
}

/// Runs `future` until a stop was asked for. Looks at the milestone first: afterwards `future` is
/// not polled again. For work that may be dropped; work that is fetched belongs into
/// [`Site::pull`](crate::Site::pull). As cancel safe as `future`.
#[track_caller]
pub fn until_requested<F: Future>(future: F) -> UntilRequested<F> {
    UntilRequested { milestone: requested(), future }
}

/// Runs `future` until draining begins. Looks at the milestone first: afterwards `future` is not
/// polled again. For work that may be dropped; work that is fetched belongs into
/// [`Site::pull`](crate::Site::pull). As cancel safe as `future`.
#[track_caller]
pub fn until_draining<F: Future>(future: F) -> UntilDraining<F> {
    UntilDraining { milestone: draining(), future }
}

/// A future that completes when the lifecycle has come this far. Polled again, it completes again.
#[must_use = "futures do nothing unless polled"]
pub struct Milestone {
    reached: Reached,
    inner: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
    gate: Arc<Gate>,
}

#[derive(Clone, Copy, Debug)]
enum Reached {
    Requested,
    Draining,
    Drained,
}

impl Reached {
    fn is_so(self, published: &Published) -> bool {
        match self {
            Self::Requested => published.state >= State::Delaying,
            Self::Draining => published.state >= State::Draining,
            Self::Drained => published.drained || published.state >= State::Stopping,
        }
    }
}

impl Milestone {
    fn new(reached: Reached) -> Self {
        let lifecycle = Lifecycle::current();
        let mut published = lifecycle.published.subscribe();
        Self {
            reached,
            inner: Some(Box::pin(Shielded::new(async move {
                // The sender lives as long as the process.
                let _ = published.wait_for(|now| reached.is_so(now)).await;
            }))),
            gate: Arc::clone(&lifecycle.gate),
        }
    }
}

impl Future for Milestone {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(inner) = &mut self.inner {
            ready!(inner.as_mut().poll(cx));
            self.inner = None;
            self.gate.note_stop_seen();
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for Milestone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Milestone").field("reached", &self.reached).finish_non_exhaustive()
    }
}

/// Made by [`stopped`].
#[must_use = "futures do nothing unless polled"]
pub struct Stopped {
    inner: Pin<Box<dyn Future<Output = Report> + Send + Sync>>,
}

impl Future for Stopped {
    type Output = Report;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Report> {
        self.inner.as_mut().poll(cx)
    }
}

impl fmt::Debug for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopped").finish_non_exhaustive()
    }
}

macro_rules! until {
    ($name:ident, $maker:literal) => {
        pin_project_lite::pin_project! {
            #[doc = concat!("Made by [`", $maker, "`](crate::", $maker, ").")]
            #[derive(Debug)]
            #[must_use = "futures do nothing unless polled"]
            pub struct $name<F> {
                milestone: Milestone,
                #[pin]
                future: F,
            }
        }

        impl<F: Future> Future for $name<F> {
            type Output = Option<F::Output>;

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                let this = self.project();
                if Pin::new(this.milestone).poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                this.future.poll(cx).map(Some)
            }
        }
    };
}

until!(UntilRequested, "until_requested");
until!(UntilDraining, "until_draining");
