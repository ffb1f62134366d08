//! More of everything than a service should have.

use std::{process::ExitCode, time::Duration};

use lifecycle_attack_tests::os;
use tokio::runtime::Runtime;

use crate::{
    Attack,
    kit::{blocks, note, number, obedient, serve},
};

pub(crate) const ATTACKS: &[Attack] = &[
    ("crowd-spins", |runtime| crowd(runtime, spin, |runtime| serve::<note>(runtime, obedient()))),
    ("crowd-spins-and-a-hook-blocks", |runtime| {
        crowd(runtime, spin, |runtime| serve::<blocks>(runtime, obedient()))
    }),
    ("crowd-sleeps", |runtime| {
        crowd(runtime, os::block, |runtime| serve::<note>(runtime, obedient()))
    }),
    ("crowd-sleeps-and-a-hook-blocks", |runtime| {
        crowd(runtime, os::block, |runtime| serve::<blocks>(runtime, obedient()))
    }),
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

fn crowd(runtime: Runtime, body: fn() -> !, serve: fn(Runtime) -> ExitCode) -> ExitCode {
    for _ in 0..number("CROWD") {
        let thread = std::thread::Builder::new().stack_size(32 * 1024).spawn(move || body());
        if let Err(error) = thread {
            panic!("no crowd: {error}");
        }
    }
    serve(runtime)
}
