//! Wakers of the application: whoever polls a milestone by hand brings one of their own.

use std::{
    future::{Future, pending},
    pin::{Pin, pin},
    process::{ExitCode, Termination},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use lifecycle::{Refused, tracked};
use lifecycle_attack_tests::os;
use tokio::runtime::Runtime;

use crate::{
    Attack,
    kit::{note, obedient, only, pause, serve},
};

pub(crate) const ATTACKS: &[Attack] = &[
    ("waker-parks-requested", |runtime| polled(runtime, lifecycle::requested(), parks())),
    ("waker-parks-draining", |runtime| polled(runtime, lifecycle::draining(), parks())),
    ("waker-parks-drained", |runtime| polled(runtime, lifecycle::drained(), parks())),
    ("waker-parks-stopped", |runtime| polled(runtime, lifecycle::stopped(), parks())),
    ("waker-parks-until", |runtime| polled(runtime, until(), parks())),
    ("waker-parks-events", |runtime| polled(runtime, events(), parks())),
    ("waker-parks-cancelled", |runtime| polled(runtime, call(), parks())),
    ("waker-panics-requested", |runtime| polled(runtime, lifecycle::requested(), panics())),
    ("waker-panics-draining", |runtime| polled(runtime, lifecycle::draining(), panics())),
    ("waker-panics-drained", |runtime| polled(runtime, lifecycle::drained(), panics())),
    ("waker-panics-stopped", |runtime| polled(runtime, lifecycle::stopped(), panics())),
    ("waker-panics-until", |runtime| polled(runtime, until(), panics())),
    ("waker-panics-events", |runtime| polled(runtime, events(), panics())),
    ("waker-panics-cancelled", |runtime| polled(runtime, call(), panics())),
    ("waker-spins", |runtime| polled(runtime, lifecycle::draining(), Arc::new(Spins).into())),
    ("waker-drop-parks", |runtime| polled(runtime, lifecycle::draining(), drop_parks())),
    ("waker-drop-panics", |runtime| polled(runtime, lifecycle::draining(), drop_panics())),
    ("waker-panics-with-a-bomb", |runtime| {
        polled(runtime, lifecycle::draining(), Arc::new(Bombs).into())
    }),
    ("waker-asks-back", |runtime| {
        polled(runtime, lifecycle::draining(), Arc::new(AsksBack).into())
    }),
    ("waker-parks-many", many),
    ("run-waker-parks", |runtime| foreign(&runtime, &parks())),
    ("run-waker-panics", |runtime| foreign(&runtime, &panics())),
];

struct Parks;

impl Wake for Parks {
    fn wake(self: Arc<Self>) {
        os::say("waker");
        os::block();
    }
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("no such executor");
    }
}

struct Spins;

impl Wake for Spins {
    fn wake(self: Arc<Self>) {
        loop {
            std::hint::spin_loop();
        }
    }
}

/// Asks the library that calls it.
struct AsksBack;

impl Wake for AsksBack {
    fn wake(self: Arc<Self>) {
        lifecycle::shutdown("again");
        let _ = (lifecycle::status(), lifecycle::state(), lifecycle::time_left());
        let registered = lifecycle::hook("late").register(|| async { os::say("hook: late") });
        os::say(if registered.is_ok() { "asked back" } else { "asked back, and was refused" });
    }
}

struct Bombs;

impl Wake for Bombs {
    fn wake(self: Arc<Self>) {
        std::panic::panic_any(DropPanics);
    }
}

struct DropParks;

impl Wake for DropParks {
    fn wake(self: Arc<Self>) {}
}

impl Drop for DropParks {
    fn drop(&mut self) {
        os::block();
    }
}

struct DropPanics;

impl Wake for DropPanics {
    fn wake(self: Arc<Self>) {}
}

impl Drop for DropPanics {
    fn drop(&mut self) {
        panic!("no such executor");
    }
}

fn parks() -> Waker {
    Arc::new(Parks).into()
}

fn panics() -> Waker {
    Arc::new(Panics).into()
}

fn drop_parks() -> Waker {
    Arc::new(DropParks).into()
}

fn drop_panics() -> Waker {
    Arc::new(DropPanics).into()
}

async fn until() {
    lifecycle::until_draining(pending::<()>()).await;
}

async fn events() {
    let mut events = lifecycle::events();
    while events.recv().await.is_some() {}
}

#[tracked(drain = cancel)]
async fn call() -> Result<(), Refused> {
    pending().await
}

/// Polls once, and keeps what was polled for ever.
fn poll_once(future: impl Future + 'static, waker: &Waker) {
    let future: &'static mut Pin<Box<dyn Future<Output = ()>>> =
        Box::leak(Box::new(Box::pin(async move {
            future.await;
        })));
    let polled = future.as_mut().poll(&mut Context::from_waker(waker));
    assert!(polled.is_pending());
}

fn polled(runtime: Runtime, future: impl Future + 'static, waker: Waker) -> ExitCode {
    serve::<note>(runtime, async move {
        poll_once(future, &waker);
        drop(waker);
        obedient().await;
    })
}

/// More than any pool of helpers has threads.
fn many(runtime: Runtime) -> ExitCode {
    serve::<note>(runtime, async {
        for _ in 0..100 {
            poll_once(lifecycle::requested(), &parks());
            poll_once(lifecycle::draining(), &parks());
            poll_once(lifecycle::stopped(), &parks());
        }
        obedient().await;
    })
}

/// `run` on an executor of the application: it polls now and then, and its waker is of no use.
fn foreign(runtime: &Runtime, waker: &Waker) -> ExitCode {
    let entered = runtime.enter();
    let mut run = pin!(only::<note>().run(obedient()));
    loop {
        if let Poll::Ready(report) = run.as_mut().poll(&mut Context::from_waker(waker)) {
            drop(entered);
            return report.report();
        }
        // Hooks are the runtime's, which on current_thread goes on only when somebody drives it.
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
        pause(5);
    }
}
