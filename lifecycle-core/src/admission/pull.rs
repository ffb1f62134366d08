use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use super::{context, guard::Guard};
use crate::{Site, SourceLocation};

impl Site {
    /// Fetches work: completes with what `source` yields and the guard of a call that was let in
    /// *before* `source` was polled, so received means admitted. Completes with `None` once the
    /// service drains: `source` is not polled after that.
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
    /// From here until it was dropped or, where it has received something, until the guard is
    /// dropped, it counts as someone who waits for the drain: `main` gets the drain's time to
    /// return. So keep the guard until what follows from the work is done. While it waits for
    /// `source`, nothing is in flight.
    ///
    /// # Cancel safety
    /// That of `source`: what was received is returned at once.
    #[track_caller]
    pub fn pull<F: Future>(
        &'static self,
        source: F,
    ) -> impl Future<Output = Option<(F::Output, Guard)>> + use<F> {
        let caller = context::current();
        let gate = caller.as_ref().map_or_else(context::gate, |call| Arc::clone(call.gate()));
        let inherited = caller.is_some();
        drop(caller);
        let listener = gate.listen(SourceLocation::caller());
        async move {
            let mut listener = Some(listener);
            let mut closing = pin!(gate.closing());
            let mut source = pin!(source);
            poll_fn(|cx| {
                let Some(call) = gate.begin_pull(self, inherited) else { return Poll::Ready(None) };
                let frame = context::push(Some(Arc::clone(&call)));
                match source.as_mut().poll(cx) {
                    Poll::Ready(received) => {
                        Poll::Ready(Some((received, Guard::pulled(call, listener.take()))))
                    }
                    Poll::Pending => {
                        call.withdraw();
                        drop((frame, call));
                        closing.as_mut().poll(cx).map(|()| None)
                    }
                }
            })
            .await
        }
    }
}
