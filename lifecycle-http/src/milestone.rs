//! Milestones for whoever serves and is not main: waiting here does not say that main knows of the
//! drain.

use std::{pin::Pin, time::Duration};

use lifecycle_core::{State, ext};

pub(crate) type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Completes when draining has gone on for so long.
pub(crate) fn draining_for(granted: Duration) -> Wait {
    let draining = reached(State::Draining);
    Box::pin(async move {
        draining.await;
        if !granted.is_zero() {
            tokio::time::sleep(granted).await;
        }
    })
}

/// Completes when the state has come this far.
pub(crate) fn reached(state: State) -> impl Future<Output = ()> + Send + Sync + 'static {
    ext::Handle::current().reached(state)
}
