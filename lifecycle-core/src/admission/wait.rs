//! What a call waits for that the drain does not wait for.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::{
    runtime::Handle,
    sync::futures::OwnedNotified,
    time::{Instant, Sleep, sleep_until},
};

use super::gate::Gate;
use crate::foreign::Shielded;

pin_project! {
    /// Until the drain has gone on for a time, or is over.
    #[project = WaitProj]
    pub(super) enum Wait {
        NotYet,
        Closing { #[pin] closing: Shielded<OwnedNotified> },
        Due { due: Option<Instant>, #[pin] sleep: Option<Sleep>, #[pin] drain_ends: Shielded<OwnedNotified> },
    }
}

impl Wait {
    /// Completes `after` draining began, or when the drain is over. It is always of the same gate.
    pub(super) fn poll_due(
        mut self: Pin<&mut Self>,
        gate: &Gate,
        after: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            let next = match self.as_mut().project() {
                WaitProj::NotYet => Self::Closing { closing: gate.closing() },
                WaitProj::Closing { closing } => match gate.closed_at() {
                    Some(since) => Self::due(gate, since, after),
                    None => {
                        ready!(closing.poll(cx));
                        continue;
                    }
                },
                WaitProj::Due { due, sleep, drain_ends } => {
                    let is_due = match (due, sleep.as_pin_mut()) {
                        (_, Some(sleep)) => sleep.poll(cx).is_ready(),
                        (Some(due), None) => *due <= Instant::now(),
                        (None, None) => false,
                    };
                    if is_due || gate.is_over() {
                        return Poll::Ready(());
                    }
                    return drain_ends.poll(cx);
                }
            };
            self.set(next);
        }
    }

    fn due(gate: &Gate, since: Instant, after: Duration) -> Self {
        let due = since.checked_add(after);
        let sleep = due
            .filter(|due| *due > Instant::now() && Handle::try_current().is_ok())
            .map(sleep_until);
        Self::Due { due, sleep, drain_ends: gate.drain_ends() }
    }
}
