//! What a test makes of a lifecycle: it is driven by a task on the clock of the test's runtime, has no
//! thread of its own, plays the parts of hooks, and shows as an exit code what would end a process.

#![cfg_attr(not(feature = "testing"), allow(dead_code, reason = "only a test makes a harness"))]

use std::{
    any::TypeId,
    collections::{HashMap, HashSet},
    future::poll_fn,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    task::Poll,
    time::Duration,
};

use tokio::{runtime::Handle, sync::Notify};

use super::{
    clock_guard::{ClockGuard, REAL_TIME_LIMIT},
    launch::{Announce, HookFuture},
    lifecycle::Lifecycle,
};
use crate::machine::{End, Input};
use crate::{State, declare::HookId, plan::PlannedHook};

/// What the lifecycle of a test has besides.
#[derive(Default)]
pub(crate) struct Harness {
    wake: Notify,
    faults: Mutex<HashMap<HookId, Fault>>,
    /// The hooks that wait for something outside of the runtime.
    outside: Mutex<HashSet<HookId>>,
}

/// What a hook does instead of its own work.
pub(crate) enum Fault {
    /// This.
    Play(Box<dyn FnOnce() -> HookFuture + Send>),
    /// It blocks its thread for so long: it cannot be stopped, and then it ends by itself.
    Block(Duration),
}

/// While it lives, and for 10 s of real time at most, a paused clock does not jump: something is at work
/// that takes no virtual time.
pub(crate) struct RealTimeHold {
    _over: mpsc::Sender<()>,
}

impl RealTimeHold {
    pub(crate) fn new(runtime: &Handle) -> Self {
        let (working, over) = mpsc::channel();
        // A paused clock waits for blocking tasks.
        runtime.spawn_blocking(move || over.recv_timeout(REAL_TIME_LIMIT));
        Self { _over: working }
    }
}

impl Harness {
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    fn give(&self, hook: HookId, fault: Fault) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).insert(hook, fault);
    }

    fn outside(&self) -> MutexGuard<'_, HashSet<HookId>> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_faults(&self) -> bool {
        !self.faults.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(super) fn fault_of(&self, hook: HookId) -> Option<Fault> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).remove(&hook)
    }
}

impl Lifecycle {
    /// Starts what a hook does instead of its own work. It needs no resources.
    pub(super) fn launch_fault(&'static self, hook: &PlannedHook, fault: Fault) {
        match fault {
            Fault::Play(play) => self.launch_task(hook.id(), hook.name(), move || Ok(play())),
            Fault::Block(duration) => {
                let announce = Announce { lifecycle: self, id: hook.id(), end: None };
                let blocked = async move {
                    tokio::time::sleep(duration).await;
                    announce.end(End::Completed);
                };
                if let Some(runtime) = self.runtime.get() {
                    runtime.spawn(blocked);
                }
            }
        }
    }

    /// Holds the clock of a test for a thread.
    pub(super) fn stand_by(&self) -> Option<RealTimeHold> {
        self.harness.as_ref()?;
        self.runtime.get().map(RealTimeHold::new)
    }

    /// The hook's own work, which holds the clock of a test where it waits for something outside.
    pub(super) fn standing_by(&self, hook: HookId, work: HookFuture) -> HookFuture {
        let is_outside = |harness: &Harness| harness.outside().contains(&hook);
        if !self.harness.as_ref().is_some_and(is_outside) {
            return work;
        }
        let stand_by = self.stand_by();
        Box::pin(async move {
            let _stand_by = stand_by;
            work.await
        })
    }

    /// Where a process would end: everything that runs is dropped, and the report says how.
    pub(super) fn cut(&self, code: Option<u8>, culprits: Vec<String>) {
        if self.report().is_some() {
            return;
        }
        let report = self.build_report(culprits).ending_with(code);
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).values() {
            task.abort();
        }
        self.publication.publish(report);
        self.enter(State::Stopped);
        // A main that is still there is polled no more.
        self.drop_main.send_replace(true);
    }

    /// Drives the lifecycle until its report is final.
    pub(crate) async fn drive(&'static self) {
        let Some(harness) = &self.harness else { return };
        let mut timeout = ClockGuard::new();
        loop {
            let wake = self.turn();
            if self.has_begun_unconfirmed() {
                self.confirm_begin();
            }
            if self.report().is_some() {
                return;
            }
            timeout.renew();
            let mut woken = pin!(harness.wake.notified());
            let Some(wake) = wake else {
                woken.await;
                continue;
            };
            let mut due = pin!(timeout.wait(wake.saturating_sub(self.now())));
            let woken = poll_fn(|cx| match woken.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => due.as_mut().poll(cx),
            });
            woken.await;
        }
    }

    /// Whether a hook was given something else to do.
    pub(crate) fn has_faults(&self) -> bool {
        self.harness.as_ref().is_some_and(Harness::has_faults)
    }

    /// Gives a hook something else to do.
    pub(crate) fn inject_fault(&self, hook: HookId, fault: Fault) {
        if let Some(harness) = &self.harness {
            harness.give(hook, fault);
        }
    }

    /// The clock stands still while these hooks do their own work.
    pub(crate) fn wait_outside(&self, markers: Vec<TypeId>) {
        if let Some(harness) = &self.harness {
            harness.outside().extend(markers.into_iter().map(HookId::Declared));
        }
    }

    /// The test is over: what nobody took goes now, also where it was never run.
    pub(crate) fn clean_up(&self) {
        for unclaimed in self.resources.unclaimed() {
            unclaimed.drop_value();
        }
    }

    /// What a script does to the lifecycle.
    pub(crate) fn perform(&self, input: Input) {
        self.post(input);
    }
}
