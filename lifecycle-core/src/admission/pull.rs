//! Work that is fetched.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;

use super::{
    call::Call,
    context::{self, Interest},
    ending::Ending,
    gate::Gate,
    guard::Guard,
    wait::Wait,
};
use crate::{Site, SourceLocation};

impl Site {
    /// Fetches work: completes with what `source` yields and the guard of a call that was let in
    /// *before* `source` was polled, so received means admitted. Completes with `None` once the
    /// service drains: `source` is not polled after that, unless it may [`settle`](Pull::settle).
    ///
    /// ```
    /// # use lifecycle_core as lifecycle;
    /// # async fn handle(order: u32) {}
    /// use lifecycle::Site;
    /// use tokio::sync::mpsc::Receiver;
    ///
    /// static ORDERS: Site = Site::new("orders");
    ///
    /// async fn work(mut queue: Receiver<u32>) {
    ///     while let Some((Some(order), guard)) = ORDERS.pull(queue.recv()).await {
    ///         guard.scope(handle(order)).await;
    ///     }
    /// }
    /// ```
    ///
    /// Whoever has pulled listens: `main` gets the drain's time to return. Keep the guard until
    /// what follows from the work is done. While it waits for `source`, nothing is in flight.
    ///
    /// # Panics
    /// The future panics when it is polled after it has completed.
    ///
    /// # Cancel safety
    /// That of `source`: what was received is returned at once.
    #[track_caller]
    pub fn pull<F: Future>(&'static self, source: F) -> Pull<F> {
        let caller = context::gate_of_caller();
        let inherited = caller.is_some();
        let gate = caller.unwrap_or_else(context::gate).into_arc();
        gate.listen(SourceLocation::caller(), Interest::Draining);
        Pull {
            site: self,
            gate,
            inherited,
            settle: None,
            source: Some(source),
            under_way: None,
            wait: Wait::NotYet,
        }
    }
}

pin_project! {
    /// The future of [`Site::pull`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Pull<F> {
        site: &'static Site,
        gate: Arc<Gate>,
        inherited: bool,
        settle: Option<Duration>,
        #[pin]
        source: Option<F>,
        // The call of a receive that may settle and has begun; dropped after the source.
        under_way: Option<Call>,
        #[pin]
        wait: Wait,
    }
}

impl<F> Pull<F> {
    /// Lets a receive that is under way when draining begins come to its end, for `most` at most:
    /// where dropping it half-way has a price, such as a broker that delivers again, and late. What
    /// it brings is handed over as before. No receive begins once the service drains.
    ///
    /// While it settles it is in flight, and the drain waits for it, so keep polling it; when the
    /// drain is over before, it completes with `None`. Needs a tokio runtime with time; without one
    /// the time is looked at only when the future is polled.
    pub fn settle(self, most: Duration) -> Self {
        Self { settle: Some(most), ..self }
    }
}

impl<F: Future> Future for Pull<F> {
    type Output = Option<(F::Output, Guard)>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let settles = this.settle.is_some();
        let source = this.source.as_mut().as_pin_mut();
        let source = source.expect("a pull was polled after it had completed");
        let call = match this.under_way.take() {
            Some(call) if call.resume() => call,
            Some(_over) => {
                this.source.set(None);
                return Poll::Ready(None);
            }
            None => match this.gate.begin_pull(this.site, *this.inherited, settles) {
                Some(call) => call,
                None => {
                    this.source.set(None);
                    return Poll::Ready(None);
                }
            },
        };
        let frame = context::push(call.clone(), false);
        let polled = source.poll(cx);
        drop(frame);
        if let Poll::Ready(received) = polled {
            if settles {
                call.receive();
            }
            call.end(Ending::Finished);
            this.source.set(None);
            return Poll::Ready(Some((received, Guard::new(call))));
        }
        if settles {
            call.park();
            *this.under_way = Some(call);
        } else {
            drop(call);
        }
        ready!(this.wait.poll_due(this.gate, this.settle.unwrap_or_default(), cx));
        // The receive is dropped before its call is, as with every call.
        this.source.set(None);
        *this.under_way = None;
        Poll::Ready(None)
    }
}

impl<F> fmt::Debug for Pull<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pull").field("site", &self.site.name()).finish_non_exhaustive()
    }
}
