//! Calls of the library in a tight loop, from several threads and from signal handlers.

use std::{future::Future, process::ExitCode, task::Context};

use lifecycle::{Site, on_shutdown};
use lifecycle_attack_tests::os;
use tokio::runtime::Runtime;

use crate::{
    Attack,
    kit::{note, serve, thread},
};

pub(crate) const ATTACKS: &[Attack] = &[
    ("flood-of-shutdowns", |runtime| flood(runtime, || lifecycle::shutdown("again"))),
    ("flood-of-failures", |runtime| {
        flood(runtime, || lifecycle::shutdown(lifecycle::Reason::failure("again")))
    }),
    ("flood-of-ready", |runtime| flood(runtime, lifecycle::ready)),
    ("flood-of-holds", |runtime| flood(runtime, || drop(lifecycle::hold_ready("again")))),
    ("flood-of-calls", |runtime| {
        flood(runtime, || {
            static CALLS: Site = Site::new("calls");
            drop(CALLS.admit());
        })
    }),
    ("flood-of-hooks", |runtime| {
        flood(runtime, || {
            if let Ok(hook) = lifecycle::hook("again").register(|| async {}) {
                hook.unregister();
            }
        })
    }),
    ("flood-of-kept-hooks", |runtime| {
        flood(runtime, || {
            if lifecycle::status().state() <= lifecycle::State::Running {
                drop(lifecycle::hook("again").register(|| async {}));
            }
        })
    }),
    ("flood-of-resources", |runtime| flood(runtime, || drop(lifecycle::resource::replace(7_u8)))),
    ("flood-of-milestones", |runtime| {
        flood(runtime, || {
            let mut stopped = Box::pin(lifecycle::stopped());
            let _ = stopped.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop()));
        })
    }),
    ("flood-of-events", |runtime| flood(runtime, || drop(lifecycle::events()))),
    ("flood-of-questions", |runtime| {
        flood(runtime, || {
            let _ = (lifecycle::status(), lifecycle::state(), lifecycle::time_left());
        })
    }),
    ("flood-of-installs", |runtime| flood(runtime, lifecycle::install)),
    ("flood-of-signals", |runtime| {
        os::set_handler(libc::SIGUSR1, os::handler(nothing));
        flood(runtime, || {
            for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1] {
                os::kill(std::process::id().cast_signed(), signal);
            }
        })
    }),
    ("handler-asks", handler_asks),
    ("handler-sends-a-signal", |runtime| {
        interrupted(runtime, os::handler(sends), || {
            drop(lifecycle::resource::replace(String::from("again")));
        })
    }),
];

extern "C" fn nothing(_: i32) {}

extern "C" fn asks(_: i32) {
    lifecycle::shutdown("asked for in a handler");
}

/// What its docs name for a handler.
extern "C" fn sends(_: i32) {
    os::kill(std::process::id().cast_signed(), libc::SIGTERM);
}

fn handler_asks(runtime: Runtime) -> ExitCode {
    interrupted(runtime, os::handler(asks), || {
        if let Ok(hook) = lifecycle::hook(String::from("again")).register(|| async {}) {
            hook.unregister();
        }
        lifecycle::ready();
        drop(lifecycle::status());
        drop(lifecycle::resource::replace(String::from("again")));
    })
}

/// A handler that interrupts whatever holds a lock of the library or of the allocator.
fn interrupted(runtime: Runtime, handler: libc::sighandler_t, call: fn()) -> ExitCode {
    os::set_handler(libc::SIGUSR1, handler);
    thread(move || {
        let this = os::this_thread();
        while lifecycle::state() < lifecycle::State::Running {
            std::thread::yield_now();
        }
        thread(move || {
            loop {
                os::kill_thread(this, libc::SIGUSR1);
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
        });
        loop {
            call();
        }
    });
    serve::<note>(runtime, async {
        let draining = lifecycle::draining();
        os::say("up");
        draining.await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    })
}

#[on_shutdown(timeout = "10s")]
async fn lasts() {
    os::say("hook: lasts");
    os::block();
}

/// From two threads, from before the stop to the end.
fn flood(runtime: Runtime, call: fn()) -> ExitCode {
    let main = async {
        let draining = lifecycle::draining();
        os::say("up");
        draining.await;
    };
    for _ in 0..2 {
        thread(move || {
            while lifecycle::state() < lifecycle::State::Running {
                std::thread::yield_now();
            }
            loop {
                call();
            }
        });
    }
    if std::env::var_os("LASTS").is_some() {
        return serve::<lasts>(runtime, main);
    }
    serve::<note>(runtime, main)
}
