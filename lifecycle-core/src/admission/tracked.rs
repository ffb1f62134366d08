//! What `#[tracked]` puts around a coroutine; [`enter`](super::enter) is for a `fn`.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{
    call::Call,
    context::{self, NotWrapped},
    ending::Ending,
    refused::Refused,
};
use crate::Site;

/// Lets a call of `site` in, or turns it away, on behalf of the [`Tracked`] that polls the caller
/// for the first time. The first statement of a tracked coroutine.
///
/// # Errors
/// The call is fresh and the service is draining.
///
/// # Panics
/// When no `Tracked` polls the caller: the attribute's expansion was taken apart.
#[inline(always)]
pub fn admit_on_first_poll(site: &'static Site) -> Result<(), Refused> {
    match context::fill_frame(site)? {
        Ok(()) => Ok(()),
        Err(NotWrapped) => not_wrapped(site),
    }
}

#[cold]
fn not_wrapped(site: &Site) -> ! {
    let (name, location) = (site.name(), site.location());
    panic!(
        "`{name}` ({location}) was polled outside the wrapper that `#[tracked]` puts around its body"
    );
}

pin_project! {
    /// Polls and drops a future as a part of its call, and holds the call for as long as it takes.
    ///
    /// The order of the fields is the order in which they are dropped.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Tracked<F> {
        first: EnterOnDrop,
        #[pin]
        future: F,
        last: LeaveOnDrop,
    }
}

impl<F> Tracked<F> {
    /// Of a coroutine whose first statement is [`admit_on_first_poll`].
    pub const fn new(future: F) -> Self {
        Self {
            first: EnterOnDrop { call: None, asks: true, decides: true },
            future,
            last: LeaveOnDrop { entered: false },
        }
    }

    /// Of the work that a call is: the call ends as `future` does.
    pub(super) const fn whole(call: Option<Call>, future: F) -> Self {
        Self::of(call, true, future)
    }

    /// Of work that a call was carried to; with `None` the future is on its own.
    pub(super) const fn part(call: Option<Call>, future: F) -> Self {
        Self::of(call, false, future)
    }

    const fn of(call: Option<Call>, decides: bool, future: F) -> Self {
        let entered = call.is_some();
        let first = EnterOnDrop { call, asks: false, decides };
        Self { first, future, last: LeaveOnDrop { entered } }
    }

    pub(super) const fn get(&self) -> &F {
        &self.future
    }

    pub(super) const fn call(&self) -> Option<&Call> {
        self.first.call.as_ref()
    }

    /// Runs one `step` of the future as part of the call.
    pub(super) fn step<R>(
        self: Pin<&mut Self>,
        step: impl FnOnce(Pin<&mut F>) -> R,
        came_to: impl FnOnce(&R) -> Progress,
    ) -> R {
        let this = self.project();
        let EnterOnDrop { call, asks, decides } = this.first;
        if call.is_none() && !*asks {
            return step(this.future);
        }
        *asks = false;
        // Until the step has ended, and for good when it panics, the call is the frame's.
        this.last.entered = false;
        let frame = match call.take() {
            Some(call) => context::push(call, *decides),
            None => context::push_waiting(*decides),
        };
        let result = step(this.future);
        let progress = came_to(&result);
        if progress == Progress::Over {
            *decides = false;
            frame.finish();
            return result;
        }
        let held = frame.pop();
        if progress == Progress::Completed
            && std::mem::take(decides)
            && let Some(call) = &held
        {
            call.end(Ending::Finished);
        }
        this.last.entered = held.is_some();
        *call = held;
        result
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let over =
            |poll: &Poll<_>| if poll.is_ready() { Progress::Over } else { Progress::Pending };
        self.step(|future| future.poll(cx), over)
    }
}

impl<F> fmt::Debug for Tracked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked").field("call", &self.first.call).finish_non_exhaustive()
    }
}

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Pending,
    /// It has completed, and still holds what it was given: the call ends when that is dropped.
    Completed,
    /// It has completed and dropped what it was given: the call ends.
    Over,
}

struct EnterOnDrop {
    call: Option<Call>,
    /// Whether the future will [`admit_on_first_poll`] when it is polled.
    asks: bool,
    /// Whether the call ends as the future does, which has not completed yet.
    decides: bool,
}

impl Drop for EnterOnDrop {
    #[inline]
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            if self.decides {
                call.end(Ending::Dropped);
            }
            context::push_for_drop(call);
        }
    }
}

struct LeaveOnDrop {
    entered: bool,
}

impl Drop for LeaveOnDrop {
    #[inline]
    fn drop(&mut self) {
        if self.entered {
            context::pop_for_drop();
        }
    }
}
