//! More of everything than a service should have.

use std::{
    pin::Pin,
    process::ExitCode,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use lifecycle_attack_tests::os;
use tokio::runtime::Runtime;

use crate::{
    Attack,
    kit::{blocks, note, number, obedient, serve},
};

type Main = Pin<Box<dyn Future<Output = ()>>>;

pub(crate) const ATTACKS: &[Attack] = &[
    ("crowd-spins", |runtime| crowd(runtime, spin, serve::<note>)),
    ("crowd-spins-and-a-hook-blocks", |runtime| crowd(runtime, spin, serve::<blocks>)),
    ("crowd-sleeps", |runtime| crowd(runtime, os::block, serve::<note>)),
    ("crowd-sleeps-and-a-hook-blocks", |runtime| crowd(runtime, os::block, serve::<blocks>)),
    ("crowd-of-hooks-hangs", |runtime| {
        for _ in 0..number("CROWD") {
            let hook = lifecycle::hook("one of many").timeout(Duration::from_secs(10));
            drop(hook.register(std::future::pending::<()>));
        }
        serve::<()>(runtime, obedient())
    }),
    ("crowd-of-calls-hangs", |runtime| {
        static CALLS: lifecycle::Site = lifecycle::Site::new("calls");
        serve::<note>(runtime, async {
            for _ in 0..number("CROWD") {
                std::mem::forget(CALLS.admit());
            }
            obedient().await;
        })
    }),
    ("idle-process", |runtime| {
        os::be_idle();
        serve::<blocks>(runtime, obedient())
    }),
];

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// All of them are there, and begin when the service is up.
fn crowd(runtime: Runtime, body: fn() -> !, serve: fn(Runtime, Main) -> ExitCode) -> ExitCode {
    let begin = Arc::new((Mutex::new(false), Condvar::new()));
    for _ in 0..number("CROWD") {
        let begin = Arc::clone(&begin);
        let waits = move || {
            let begun = begin.0.lock().unwrap_or_else(PoisonError::into_inner);
            drop(begin.1.wait_while(begun, |begun| !*begun));
            body();
        };
        if let Err(error) = std::thread::Builder::new().stack_size(32 * 1024).spawn(waits) {
            panic!("no crowd: {error}");
        }
    }
    serve(
        runtime,
        Box::pin(async move {
            let draining = lifecycle::draining();
            while lifecycle::state() < lifecycle::State::Running {
                tokio::task::yield_now().await;
            }
            os::say("up");
            *begin.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            begin.1.notify_all();
            draining.await;
        }),
    )
}
