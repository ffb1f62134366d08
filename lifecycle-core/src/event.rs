use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::{
    Outcome, Reason, Signal, SignalSender, SiteReport, SiteStatus, SourceLocation, State,
    admission::Gate, foreign::Wakers,
};

/// Something that happened on the way to the end. The log, the terminal and
/// [`events`](crate::events) are fed by this one stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A stop was asked for, for this reason; nothing has happened yet.
    #[non_exhaustive]
    Requested {
        /// Why.
        reason: Reason,
        /// The id of the shutdown, as in the log and the report.
        shutdown_id: String,
    },
    /// The state changed.
    #[non_exhaustive]
    State {
        /// The new one.
        state: State,
        /// What is left until the deadline of a stop that is under way.
        time_left: Option<Duration>,
    },
    /// A signal was heard.
    #[non_exhaustive]
    Signal {
        /// Which.
        signal: Signal,
        /// Who sent it, where the system tells.
        sender: Option<SignalSender>,
        /// What it did.
        did: &'static str,
        /// What the next one would do.
        next: &'static str,
    },
    /// The drain goes on: said every second.
    #[non_exhaustive]
    Drain {
        /// What is in flight.
        sites: Vec<SiteStatus>,
        /// Where `draining()` and its kin were asked by those that listened when the drain began,
        /// while main has not returned.
        waiting_for_main: Vec<SourceLocation>,
        /// What is left until the deadline.
        time_left: Option<Duration>,
    },
    /// The drain's time was up, and these sites still had calls.
    #[non_exhaustive]
    Abandoned {
        /// The sites.
        sites: Vec<SiteReport>,
    },
    /// A hook starts.
    #[non_exhaustive]
    HookStarted {
        /// Its name.
        name: String,
        /// Where it is declared.
        location: SourceLocation,
        /// How long it has.
        timeout: Duration,
    },
    /// A hook does not go although it was cancelled; its successors start beside it.
    #[non_exhaustive]
    HookStuck {
        /// Why it is taken for stuck, in words.
        why: String,
        /// Its name.
        name: String,
        /// Where it is declared.
        location: SourceLocation,
        /// How long it has been running.
        elapsed: Duration,
    },
    /// A hook has its outcome.
    #[non_exhaustive]
    HookEnded {
        /// Its name.
        name: String,
        /// Where it is declared.
        location: SourceLocation,
        /// What became of it.
        outcome: Outcome,
        /// Whether the stop is as it should be with that: a hook that was skipped is normal where
        /// start-up had not come to its end.
        is_clean: bool,
        /// How long it took.
        took: Duration,
    },
    /// Something a person should know.
    #[non_exhaustive]
    Notice {
        /// What.
        text: String,
    },
}

/// What happens from the moment it was made: a [`Stream`] of [`Event`]s without end.
///
/// Cancel safe: an event that was not received yet is received by the next call.
#[derive(Debug)]
pub struct Events {
    received: UnboundedReceiver<Event>,
    /// Told once the application has received that a stop was asked for.
    gate: Option<Arc<Gate>>,
    wakers: Wakers,
}

impl Events {
    /// The next event; `None` once the lifecycle it belongs to is gone, which for that of the
    /// process is never.
    pub async fn recv(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }
}

impl Events {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let polled = self.received.poll_recv(&mut Context::from_waker(self.wakers.of(cx)));
        if let Poll::Ready(event) = &polled {
            self.note(event.as_ref());
        }
        polled
    }

    fn note(&self, event: Option<&Event>) {
        if let (Some(gate), Some(Event::Requested { .. })) = (&self.gate, event) {
            gate.note_stop_seen();
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

/// Whoever wants to hear of events. Sending never blocks.
#[derive(Debug, Default)]
pub(crate) struct Bus {
    listeners: Mutex<Vec<UnboundedSender<Event>>>,
}

impl Bus {
    /// For the application, whose `gate` is told what it has seen.
    pub(crate) fn subscribe(&self, gate: Option<Arc<Gate>>) -> Events {
        let (sender, received) = mpsc::unbounded_channel();
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are gone are let go of when there is no room, so that a loop of this costs
        // neither memory nor time.
        if listeners.len() == listeners.capacity() {
            listeners.retain(|listener| !listener.is_closed());
        }
        listeners.push(sender);
        Events { received, gate, wakers: Wakers::default() }
    }

    pub(crate) fn send(&self, event: &Event) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.send(event.clone()).is_ok());
    }
}
