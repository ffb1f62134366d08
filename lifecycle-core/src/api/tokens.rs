//! The milestones as `CancellationToken`s, for code that has them already.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Wake, Waker},
};

use tokio_util::sync::CancellationToken;

use super::milestone::{Milestone, draining, requested};
use crate::runtime::Lifecycle;

/// A token that is cancelled when draining begins: new work is refused from there. Whoever has asked
/// for one listens, as with [`draining`]. Cancelling what this returns cancels nothing else.
#[track_caller]
#[must_use]
pub fn draining_token() -> CancellationToken {
    child(&Lifecycle::current().tokens.draining, draining())
}

/// A token that is cancelled when a stop was asked for: see [`requested`]. Whoever has asked for one
/// listens. Cancelling what this returns cancels nothing else.
#[track_caller]
#[must_use]
pub fn requested_token() -> CancellationToken {
    child(&Lifecycle::current().tokens.requested, requested())
}

/// A child of the one token of this milestone, which is made when it is first asked for.
fn child(slot: &OnceLock<CancellationToken>, milestone: Milestone) -> CancellationToken {
    let parent = slot.get_or_init(|| {
        let token = CancellationToken::new();
        let cancel = Cancel { token: token.clone(), milestone: Mutex::new(Some(milestone)) };
        Arc::new(cancel).wake();
        token
    });
    parent.child_token()
}

/// Cancels the token when the milestone is reached, which wakes this: no task is needed.
struct Cancel {
    token: CancellationToken,
    milestone: Mutex<Option<Milestone>>,
}

impl Wake for Cancel {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(Arc::clone(&self));
        let mut slot = self.milestone.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(milestone) = slot.as_mut() else { return };
        if Pin::new(milestone).poll(&mut Context::from_waker(&waker)).is_ready() {
            *slot = None;
            drop(slot);
            self.token.cancel();
        }
    }
}
