//! The components that have started, and what became of them.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::task::AbortHandle;

use crate::{
    config::BoxedComponent, foreign::contain, machine::Moment, plan::PlannedComponent,
    report::Problem,
};

/// The components of a lifecycle that have started, and what became of them.
#[derive(Default)]
pub(crate) struct ComponentSet {
    inner: Mutex<Inner>,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) started: Vec<Started>,
    /// Those that were told to stop and have not.
    pub(super) stopping: Vec<Stopping>,
    pub(super) problems: Vec<Problem>,
}

pub(super) struct Started {
    pub(super) planned: PlannedComponent,
    pub(super) component: Box<dyn BoxedComponent>,
}

pub(super) struct Stopping {
    pub(super) id: usize,
    pub(super) planned: PlannedComponent,
    pub(super) began: Moment,
    pub(super) task: Option<AbortHandle>,
}

impl ComponentSet {
    pub(super) fn problems(&self) -> Vec<Problem> {
        self.lock().problems.clone()
    }

    /// Those that hold the stop, a line each.
    pub(super) fn culprits(&self, now: Moment) -> Vec<String> {
        let line = |stopping: &Stopping| {
            let (name, since) = (stopping.planned.name(), now.since(stopping.began));
            format!("component `{name}` has been stopping for {since:.1?}")
        };
        self.lock().stopping.iter().map(line).collect()
    }

    /// Those that have not stopped are named, and waited for no more.
    pub(super) fn give_up(&self) {
        let mut inner = self.lock();
        let late = mem::take(&mut inner.stopping);
        inner.problems.extend(late.iter().map(|late| {
            let within = late.planned.stop_timeout();
            problem(&late.planned, &format!("did not stop within {within:.1?}"))
        }));
        drop(inner);
        late.iter().filter_map(|late| late.task.as_ref()).for_each(AbortHandle::abort);
    }

    /// Drops them without a stop, here.
    pub(super) fn drop_all(&self) {
        let started = mem::take(&mut self.lock().started);
        started.into_iter().for_each(|started| drop_contained(started.component));
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn drop_contained(component: Box<dyn BoxedComponent>) {
    // A destructor that panics has said so by the panic's own message.
    let _ = contain(|| drop(component));
}

pub(super) fn problem(planned: &PlannedComponent, wrong: &str) -> Problem {
    Problem::Component(format!("component `{}` {wrong}", planned.name()))
}
