//! Milestones for whoever serves and is not main: waiting here does not say that main knows of the
//! drain.

use std::{pin::Pin, time::Duration};

use lifecycle_core::{Milestone, State, ext::as_library};

pub(crate) type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Completes when a stop was asked for.
pub(crate) fn requested() -> Milestone {
    as_library(lifecycle_core::requested)
}

/// Completes when draining has gone on for so long.
pub(crate) fn draining_for(granted: Duration) -> Wait {
    let requested = requested();
    Box::pin(async move {
        requested.await;
        reached(State::Draining).await;
        if !granted.is_zero() {
            tokio::time::sleep(granted).await;
        }
    })
}

/// Completes when the state has come this far. Asked for only once a stop was requested: whoever
/// listens to events stays on their list until the next one.
pub(crate) async fn reached(state: State) {
    let mut events = as_library(lifecycle_core::events);
    while as_library(lifecycle_core::state) < state {
        if events.recv().await.is_none() {
            return;
        }
    }
}
