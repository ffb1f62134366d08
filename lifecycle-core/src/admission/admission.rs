use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{call::Call, context, tracked::Tracked};

/// The right of an admitted call to have its work finished, to be carried where the work goes: to
/// an actor, a pool, a thread.
///
/// What runs within [`scope`](Self::scope) or [`enter`](Self::enter) is part of the call: tracked
/// functions it calls are admitted in every state. While an `Admission` lives, its call is in
/// flight, and the drain waits for it.
///
/// ```
/// # use lifecycle_core as lifecycle;
/// # async fn handle(order: u32) {}
/// use lifecycle::Admission;
///
/// struct Letter {
///     order: u32,
///     admission: Option<Admission>, // `Admission::current()` where the letter is written
/// }
///
/// async fn receive(letter: Letter) {
///     match letter.admission {
///         Some(admission) => admission.scope(handle(letter.order)).await,
///         None => handle(letter.order).await,
///     }
/// }
/// ```
#[derive(Clone)]
#[must_use = "it carries a call only while it lives"]
pub struct Admission {
    call: Arc<Call>,
}

impl Admission {
    /// That of the call which the running code belongs to; `None` outside a call.
    pub fn current() -> Option<Self> {
        context::current().map(Self::new)
    }

    /// Makes `future` part of the call, wherever it is polled and dropped. The call is in flight
    /// until `future` has completed or was dropped.
    ///
    /// # Cancel safety
    /// That of `future`.
    pub fn scope<F>(&self, future: F) -> Scoped<F> {
        Scoped { future: Tracked::of(Some(Arc::clone(&self.call)), future) }
    }

    /// Runs `work` as part of the call, on this thread.
    ///
    /// # Panics
    /// When `work` does.
    pub fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        let _frame = context::push(Some(Arc::clone(&self.call)));
        work()
    }

    pub(super) const fn new(call: Arc<Call>) -> Self {
        Self { call }
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Admission").field(&self.call.site_name()).finish()
    }
}

pin_project! {
    /// The future of [`Admission::scope`] and [`Guard::scope`](super::Guard::scope).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Scoped<F> {
        #[pin]
        future: Tracked<F>,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}
