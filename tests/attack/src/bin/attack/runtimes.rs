//! A runtime that the application ends while the library still uses it.

use std::{process::ExitCode, time::Duration};

use lifecycle::on_shutdown;
use lifecycle_attack_tests::os;
use tokio::runtime::Runtime;

use crate::{
    Attack,
    ends::Loud,
    kit::{note, only, pause},
};

pub(crate) const ATTACKS: &[Attack] = &[
    ("runtime-ends-in-the-stop", |runtime| ends::<sleeps>(runtime)),
    ("runtime-ends-before-a-hook", |runtime| ends::<(sync_pauses, late)>(runtime)),
    ("runtime-ends-before-a-registered-hook", |runtime| {
        let parks = DropParks;
        let hook = lifecycle::hook("parks").order(1).register(move || {
            let _parks = &parks;
            async {}
        });
        drop(hook);
        ends::<sync_pauses>(runtime)
    }),
    ("runtime-ends-before-a-resource", |runtime| {
        lifecycle::provide(Loud);
        ends::<sync_pauses>(runtime)
    }),
    ("runtime-ends-before-the-stop", |runtime| {
        start(&runtime, only::<note>());
        runtime.shutdown_background();
        os::say("up");
        os::block()
    }),
];

#[on_shutdown(timeout = "1s")]
async fn sleeps() {
    os::say("hook: sleeps");
    tokio::time::sleep(Duration::from_millis(500)).await;
    os::say("hook: slept");
}

#[on_shutdown(timeout = "1s")]
fn sync_pauses() {
    os::say("hook: pauses");
    pause(300);
}

/// When it starts there is no runtime any more.
#[on_shutdown(timeout = "500ms", order = 1)]
async fn late() {
    os::say("hook: late");
}

/// The destructor of what a hook's closure holds does not return.
struct DropParks;

impl Drop for DropParks {
    fn drop(&mut self) {
        os::block();
    }
}

/// Runs on a thread that is not the runtime's, so that it outlives it.
fn start(runtime: &Runtime, config: lifecycle::Config) {
    let handle = runtime.handle().clone();
    crate::kit::thread(move || {
        let _entered = handle.enter();
        let code = by_hand(config);
        std::process::exit(code);
    });
    while lifecycle::state() < lifecycle::State::Running {
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
    }
}

/// An executor of the application's own.
fn by_hand(config: lifecycle::Config) -> i32 {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut run = std::pin::pin!(config.run(async {
        let draining = lifecycle::draining();
        draining.await;
    }));
    loop {
        let mut cx = std::task::Context::from_waker(&waker);
        if let std::task::Poll::Ready(report) = run.as_mut().poll(&mut cx) {
            return i32::from(report.exit_code());
        }
        std::thread::park();
    }
}

/// The runtime ends 100 ms after the request.
fn ends<S: lifecycle::plan::HookSet>(runtime: Runtime) -> ExitCode {
    start(&runtime, only::<S>());
    os::say("up");
    runtime.block_on(async {
        lifecycle::requested().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    });
    runtime.shutdown_background();
    os::block()
}
