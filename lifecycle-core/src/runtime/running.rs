//! What runs for the teardown: tasks of hooks, and the destructor of a resource.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::AbortHandle;

use super::watchdog::PollTimer;
use crate::{
    machine::{Moment, TeardownHook},
    values::HookId,
};

/// The tasks of hooks that have started and not ended, stuck ones among them.
#[derive(Default)]
pub(crate) struct Running(HashMap<HookId, RunningHook>);

struct RunningHook {
    hook: TeardownHook,
    /// `None`: nothing stops it.
    task: Option<AbortHandle>,
    poll_timer: Arc<PollTimer>,
}

impl Running {
    pub(super) fn abort(&self, hook: HookId) {
        if let Some(task) = self.0.get(&hook).and_then(|running| running.task.as_ref()) {
            task.abort();
        }
    }

    pub(super) fn ended(&mut self, hook: HookId) {
        self.0.remove(&hook);
    }

    /// `task`: `None` where nothing stops it.
    pub(super) fn started(
        &mut self,
        hook: &TeardownHook,
        task: Option<AbortHandle>,
        poll_timer: Arc<PollTimer>,
    ) {
        self.0.insert(hook.id(), RunningHook { hook: hook.clone(), task, poll_timer });
    }

    pub(super) fn abort_all(&self) {
        self.0.values().filter_map(|running| running.task.as_ref()).for_each(AbortHandle::abort);
    }

    /// Whether the hook is a task that no worker has polled yet.
    pub(super) fn waits_for_a_worker(&self, hook: HookId) -> bool {
        self.0.get(&hook).is_some_and(|running| !running.poll_timer.has_begun())
    }

    pub(super) fn poll_timers(&self) -> impl Iterator<Item = (&TeardownHook, &PollTimer)> {
        self.0.values().map(|running| (&running.hook, &*running.poll_timer))
    }
}

/// The resource whose destructor runs, and since when.
#[derive(Default)]
pub(super) struct Dropping(Mutex<Option<(String, Moment)>>);

impl Dropping {
    pub(super) fn set(&self, what: Option<(String, Moment)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    pub(super) fn culprit(&self, now: Moment) -> Option<String> {
        let dropping = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (resource, since) = dropping.as_ref()?;
        let elapsed = now.since(*since);
        Some(format!("the destructor of {resource}, has been running for {elapsed:.1?}"))
    }
}
