//! What `#[tracked]` puts around a coroutine; [`enter`](super::enter) is for a `fn`.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{
    call::Call,
    context::{self, Pushed},
    ending::Ending,
    refused::Refused,
    thread::{self, FirstPoll},
};
use crate::Site;

/// Whether the call of `site` that the caller is was let in, by the [`Tracked`] that polls it for
/// the first time. The first statement of a tracked coroutine.
///
/// # Errors
/// The call is fresh and the service is draining.
///
/// # Panics
/// When no `Tracked` polls the caller: the attribute's expansion was taken apart.
#[inline(always)]
pub fn admitted(site: &'static Site) -> Result<(), Refused> {
    match thread::first_poll() {
        FirstPoll::Admitted => Ok(()),
        FirstPoll::Refused => Err(Refused::new(site, false)),
        FirstPoll::None => not_wrapped(site),
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
    /// A call of `site`, by a coroutine whose first statement is [`admitted`].
    pub const fn new(site: &'static Site, future: F) -> Self {
        Self::of(Work::New(site), true, false, future)
    }

    /// Of the work that a call is: the call ends as `future` does.
    pub(super) fn whole(call: Option<Call>, future: F) -> Self {
        Self::carried(call, true, future)
    }

    /// Of work that a call was carried to; with `None` the future is on its own.
    pub(super) fn part(call: Option<Call>, future: F) -> Self {
        Self::carried(call, false, future)
    }

    fn carried(call: Option<Call>, decides: bool, future: F) -> Self {
        match call {
            Some(call) => Self::of(Work::Call(call), decides, true, future),
            None => Self::of(Work::Nothing, decides, false, future),
        }
    }

    const fn of(work: Work, decides: bool, entered: bool, future: F) -> Self {
        Self { first: EnterOnDrop { work, decides }, future, last: LeaveOnDrop { entered } }
    }

    pub(super) const fn get(&self) -> &F {
        &self.future
    }

    pub(super) const fn call(&self) -> Option<&Call> {
        match &self.first.work {
            Work::Call(call) => Some(call),
            Work::New(_) | Work::Nothing => None,
        }
    }

    /// Runs one `step` of the future as part of the call.
    #[inline]
    pub(super) fn step<R>(
        self: Pin<&mut Self>,
        step: impl FnOnce(Pin<&mut F>) -> R,
        came_to: impl FnOnce(&R) -> Progress,
    ) -> R {
        let this = self.project();
        let EnterOnDrop { work, decides } = this.first;
        // Until the step has ended, and for good when it panics, the call is the frame's.
        let frame = match mem::replace(work, Work::Nothing) {
            Work::Call(call) => {
                this.last.entered = false;
                context::push(call, *decides)
            }
            Work::New(site) => {
                let Some(frame) = context::push_new(site) else {
                    thread::tell_first_poll(FirstPoll::Refused);
                    return step(this.future);
                };
                thread::tell_first_poll(FirstPoll::Admitted);
                frame
            }
            Work::Nothing => return step(this.future),
        };
        let result = step(this.future);
        let progress = came_to(&result);
        if progress == Progress::Over {
            frame.finish();
        } else {
            this.last.entered = true;
            *work = Work::Call(held(frame, progress, decides));
        }
        result
    }
}

/// The call after a step that was not the last.
fn held(frame: Pushed, progress: Progress, decides: &mut bool) -> Call {
    let call = frame.pop();
    if progress == Progress::Completed && mem::take(decides) {
        call.end(Ending::Finished);
    }
    call
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
        f.debug_struct("Tracked").field("call", &self.call()).finish_non_exhaustive()
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
    work: Work,
    /// Whether the call ends as the future does, which has not completed yet.
    decides: bool,
}

/// What the future is.
enum Work {
    /// A call that is let in, or turned away, when it is polled.
    New(&'static Site),
    /// A call, or a part of one.
    Call(Call),
    /// None, or no longer.
    Nothing,
}

impl Drop for EnterOnDrop {
    #[inline]
    fn drop(&mut self) {
        if let Work::Call(_) = self.work {
            self.enter();
        }
    }
}

impl EnterOnDrop {
    fn enter(&mut self) {
        if let Work::Call(call) = mem::replace(&mut self.work, Work::Nothing) {
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
