//! Signals: defaults that Rust's start changed, and handlers that the application sets.

use std::process::ExitCode;

use lifecycle_attack_tests::os;
use tokio::runtime::Runtime;

use crate::{
    Attack,
    kit::{fails, note, obedient, pause, serve, thread},
};

pub(crate) const ATTACKS: &[Attack] = &[
    ("obedient", |runtime| serve::<note>(runtime, obedient())),
    ("handler-replaced", |runtime| {
        os::set_handler(libc::SIGTERM, os::handler(nothing));
        serve::<note>(runtime, obedient())
    }),
    ("handler-taken-back", |runtime| {
        os::set_handler(libc::SIGTERM, libc::SIG_DFL);
        serve::<note>(runtime, obedient())
    }),
    ("handler-ignored", |runtime| {
        os::set_handler(libc::SIGTERM, libc::SIG_IGN);
        serve::<note>(runtime, obedient())
    }),
    ("handler-replaced-when-ready", |runtime| {
        serve::<note>(runtime, async {
            let draining = lifecycle::draining();
            while lifecycle::state() < lifecycle::State::Running {
                tokio::task::yield_now().await;
            }
            os::set_handler(libc::SIGTERM, os::handler(nothing));
            os::say("up");
            draining.await;
        })
    }),
    ("handler-chained", |runtime| {
        // As `ctrlc` does, or a handler set before `install` by an embedding program.
        os::set_handler(libc::SIGUSR2, os::handler(nothing));
        serve::<note>(runtime, obedient())
    }),
    ("handler-parks", handler_parks),
    ("blocks-all-its-signals", |runtime| {
        serve::<note>(runtime, async {
            let all: Vec<_> = (1..32).collect();
            os::block_signals(&all);
            obedient().await;
        })
    }),
    ("fails", |runtime| serve::<fails>(runtime, obedient())),
    ("size-limited", |runtime| {
        os::limit("fsize", 0);
        serve::<fails>(runtime, obedient())
    }),
];

/// Rust's start ignores SIGPIPE; services that want to end like others take that back.
pub(crate) fn as_services_in_c() {
    if std::env::var_os("DEFAULTS").is_some() {
        os::set_handler(libc::SIGPIPE, libc::SIG_DFL);
        os::set_handler(libc::SIGXFSZ, libc::SIG_DFL);
    }
}

extern "C" fn nothing(_: i32) {}

extern "C" fn parks(_: i32) {
    os::block()
}

/// Every thread of the application hangs in a handler.
fn handler_parks(runtime: Runtime) -> ExitCode {
    os::set_handler(libc::SIGUSR1, os::handler(parks));
    thread(|| {
        while lifecycle::state() < lifecycle::State::Running {
            pause(5);
        }
        pause(50);
        // As many as there are threads to take one: the library's own take none.
        for _ in 0..20 {
            os::kill(std::process::id().cast_signed(), libc::SIGUSR1);
            pause(1);
        }
    });
    serve::<note>(runtime, async {
        let draining = lifecycle::draining();
        while lifecycle::state() < lifecycle::State::Running {
            tokio::task::yield_now().await;
        }
        thread(|| {
            pause(150);
            os::say("up");
        });
        draining.await;
    })
}
