//! Calls of a [`Site`] that is named by hand.

use std::{fmt, future::Future};

use super::{
    call::Call,
    cancellable::Cancellable,
    context,
    inherit::{Admission, Scoped},
    refused::Refused,
    tracked::{Tracked, admitted},
};
use crate::Site;

impl Site {
    /// Lets a call in. It is in flight until the guard is dropped.
    ///
    /// A fresh call is refused once the service drains (`admit = always` apart); one that is made
    /// within an admitted call never is.
    ///
    /// # Errors
    /// The service is draining, or has stopped.
    pub fn admit(&'static self) -> Result<Guard, Refused> {
        context::admit(self).map(Guard::new)
    }

    /// Makes `future` a call of this site, let in when it is first polled and in flight until it
    /// has completed or was dropped. What it calls is part of it.
    ///
    /// Completes with `Refused` when the call was turned away (`future` was never polled) or, where
    /// the site says `drain = cancel`, was dropped half-way ([`Refused::ran`] is true).
    ///
    /// # Cancel safety
    /// That of `future`.
    pub fn track<F: Future>(
        &'static self,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Refused>> + use<F> {
        let call = async move {
            context::note_used();
            admitted(self)?;
            Ok(future.await)
        };
        Cancellable::new(self, Err, Tracked::new(self, call))
    }
}

/// An admitted call, in flight until this is dropped.
///
/// The guard counts, no more: calls made while it merely lives are fresh ones. Calls made within
/// [`scope`](Self::scope) and [`enter`](Self::enter) are part of it. A guard that is leaked leaves
/// its call in flight for ever.
///
/// The call ends as the last of its scopes did: finished, panicked, or dropped half-way. Without
/// one it is finished when the guard is dropped, unless a panic drops it.
#[must_use = "the call ends when the guard is dropped"]
pub struct Guard {
    admission: Admission,
}

impl Guard {
    /// Makes `future` part of the call, wherever it is polled and dropped. The call is in flight
    /// until both the guard was dropped and `future` has completed or was dropped.
    ///
    /// # Cancel safety
    /// That of `future`.
    pub fn scope<F>(&self, future: F) -> Scoped<F> {
        self.admission.whole_scope(future)
    }

    /// Runs `work` as part of the call, on this thread.
    ///
    /// # Panics
    /// When `work` does.
    pub fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        self.admission.whole_enter(work)
    }

    /// The call was cancelled: it counts as that when it ends, and not as finished.
    pub(crate) fn cancel(&self) {
        self.admission.cancel();
    }

    /// The call was cut, and nobody had said that it may be: what was in flight of it is lost.
    pub(crate) fn lose(&self) {
        self.admission.lose();
    }

    pub(super) const fn new(call: Call) -> Self {
        Self { admission: Admission::new(call) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.admission.let_go();
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.admission).finish()
    }
}
