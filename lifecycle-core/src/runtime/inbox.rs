//! What waits for the driver.
//!
//! Invariants:
//! 1. Its order is the order of time: what is posted is stamped under the lock.
//! 2. It is bounded by what happens, not by how often it is said: further requests, and ticks and words of
//!    being ready behind one that waits, are that one. So no loop of the application can keep the driver busy.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use super::{host::Host, registry::Registered, start_line::StartLine};
use crate::{
    PlanError,
    machine::{Input, Moment},
    values::HookId,
};

pub(crate) struct Posted {
    pub(crate) at: Moment,
    pub(crate) post: Post,
}

pub(crate) enum Post {
    Input(Input),
    /// `input` has the worst case of the plan at this version.
    RunBegan {
        input: Input,
        plan_version: u64,
        start_line: StartLine,
    },
    /// A hook that comes after the final plan was taken.
    Register {
        id: HookId,
        hook: Box<Registered>,
        verdict: mpsc::Sender<Result<(), PlanError>>,
    },
}

#[derive(Default)]
pub(crate) struct Inbox {
    inner: Mutex<Inner>,
    was_requested: AtomicBool,
}

#[derive(Default)]
struct Inner {
    posted: VecDeque<Posted>,
    tick_waits: bool,
    ready_waits: bool,
}

impl Inbox {
    /// Whether the caller's is the first request. A loop of requests takes no lock.
    pub(crate) fn claim_request(&self) -> bool {
        // Relaxed: nothing is read because of it.
        !self.was_requested.load(Ordering::Relaxed)
            && !self.was_requested.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn push(&self, host: &dyn Host, post: Post) {
        let mut inner = self.lock();
        let is_said = match &post {
            Post::Input(Input::Tick) => std::mem::replace(&mut inner.tick_waits, true),
            Post::Input(Input::Ready) => std::mem::replace(&mut inner.ready_waits, true),
            _ => false,
        };
        if !is_said {
            inner.posted.push_back(Posted { at: host.now(), post });
        }
    }

    /// What was posted first; or, where there is nothing, a moment before everything that is still to come.
    pub(crate) fn next(&self, host: &dyn Host) -> Result<Posted, Moment> {
        let mut inner = self.lock();
        let Some(posted) = inner.posted.pop_front() else { return Err(host.now()) };
        match &posted.post {
            Post::Input(Input::Tick) => inner.tick_waits = false,
            Post::Input(Input::Ready) => inner.ready_waits = false,
            _ => {}
        }
        Ok(posted)
    }

    /// Whether a stop was asked for that the driver has not taken yet.
    pub(crate) fn has_request(&self) -> bool {
        let asks = |posted: &Posted| {
            matches!(posted.post, Post::Input(Input::Request(_) | Input::Signal { .. }))
        };
        self.lock().posted.iter().any(asks)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
