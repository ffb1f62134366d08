use std::future::Future;

use super::{Cancellable, Guard, Tracked, admit_on_first_poll, call::Call};
use crate::{Refused, Site};

impl Site {
    /// Lets a call in. It is in flight until the guard is dropped.
    ///
    /// A fresh call is refused once the service drains (`admit = always` apart); one that is made
    /// within an admitted call never is.
    ///
    /// # Errors
    /// The service is draining, or has stopped.
    pub fn admit(&'static self) -> Result<Guard, Refused> {
        Call::admit(self).map(Guard::new)
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
            admit_on_first_poll(self)?;
            Ok(future.await)
        };
        Cancellable::new(self, Err, Tracked::new(call))
    }
}
