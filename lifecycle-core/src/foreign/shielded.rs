//! Futures of ours that the application polls with wakers of its own.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use pin_project_lite::pin_project;

use super::courier::run;

pin_project! {
    /// A future of the library's own: who wakes it on a thread that keeps the deadline does not
    /// run the application's waker there.
    pub(crate) struct Shielded<F> {
        wakers: Wakers,
        #[pin]
        inner: F,
    }
}

impl<F> Shielded<F> {
    pub(crate) fn new(inner: F) -> Self {
        Self { wakers: Wakers::default(), inner }
    }
}

impl<F: Future> Future for Shielded<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.inner.poll(&mut Context::from_waker(this.wakers.of(cx)))
    }
}

/// The application's waker of the last poll, and ours in front of it.
#[derive(Debug, Default)]
pub(crate) struct Wakers(Option<Arc<Deferred>>, Option<Waker>);

impl Wakers {
    /// What stands for the waker of `cx`.
    pub(crate) fn of(&mut self, cx: &Context<'_>) -> &Waker {
        let theirs = cx.waker();
        if !self.0.as_ref().is_some_and(|known| known.wakes_as(theirs)) {
            let deferred = Arc::new(Deferred(Some(theirs.clone())));
            self.0 = Some(Arc::clone(&deferred));
            self.1 = Some(Waker::from(deferred));
        }
        self.1.as_ref().unwrap_or(Waker::noop())
    }
}

/// A waker of the application.
#[derive(Debug)]
struct Deferred(Option<Waker>);

impl Deferred {
    fn wakes_as(&self, other: &Waker) -> bool {
        self.0.as_ref().is_some_and(|waker| waker.will_wake(other))
    }
}

impl Wake for Deferred {
    fn wake(self: Arc<Self>) {
        run("waker", move || {
            if let Some(waker) = &self.0 {
                waker.wake_by_ref();
            }
        });
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            run("waker", move || drop(waker));
        }
    }
}
