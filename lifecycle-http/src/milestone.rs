//! Milestones for whoever serves and is not main: waiting here does not say that main knows of the drain.

use std::{pin::Pin, time::Duration};

use lifecycle_core::State;

pub(crate) type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Completes when draining has gone on for so long.
pub(crate) fn draining_for(granted: Duration) -> Wait {
    let requested = lifecycle_core::requested();
    Box::pin(async move {
        requested.await;
        reached(State::Draining).await;
        if !granted.is_zero() {
            tokio::time::sleep(granted).await;
        }
    })
}

/// Completes when the state has come this far. Asked for only once a stop was requested: whoever listens to
/// events stays on their list until the next one.
pub(crate) async fn reached(state: State) {
    let mut events = lifecycle_core::events();
    while lifecycle_core::state() < state {
        if events.recv().await.is_none() {
            return;
        }
    }
}
