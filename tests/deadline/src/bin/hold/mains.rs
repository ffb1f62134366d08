//! Mains that hold on.

use std::{future::pending, process::ExitCode};

use crate::{
    Case,
    hooks::note,
    kit::{Immortal, block, obedient, pause, say, serve},
};

pub(crate) const CASES: &[Case] = &[
    ("main-blocks-before", |runtime| {
        serve::<note>(runtime, async {
            lifecycle::ready();
            say("up");
            // Nothing of it ever returns, and it is no `!`: the compiler must not know.
            std::hint::black_box(block as fn() -> !)();
        })
    }),
    ("main-blocks-after", |runtime| {
        serve::<note>(runtime, async {
            obedient().await;
            block();
        })
    }),
    ("main-spins", |runtime| {
        serve::<note>(runtime, async {
            obedient().await;
            loop {
                std::hint::spin_loop();
            }
        })
    }),
    ("main-drop-blocks", |runtime| {
        serve::<note>(runtime, async {
            let _immortal = Immortal;
            lifecycle::ready();
            say("up");
            pending::<()>().await;
        })
    }),
    ("main-ignores", |runtime| {
        serve::<note>(runtime, async {
            obedient().await;
            pending::<()>().await;
        })
    }),
    ("main-in-place", |runtime| {
        serve::<note>(runtime, async {
            obedient().await;
            tokio::task::block_in_place(|| block());
        })
    }),
    ("main-panics", |runtime| {
        serve::<note>(runtime, async {
            obedient().await;
            panic!("no such luck");
        })
    }),
    ("main-panics-too-late", |runtime| {
        serve::<note>(runtime, async {
            obedient().await;
            pause(2_350);
            panic!("no such luck");
        })
    }),
    ("starts-for-ever", |_| {
        say("up");
        block()
    }),
    ("main-leaks", main_leaks),
    ("installed", installed),
];

/// After the report main waits for a thread.
fn main_leaks(runtime: tokio::runtime::Runtime) -> ExitCode {
    let code = serve::<note>(runtime, obedient());
    let leaked = std::thread::Builder::new().name("uploader".to_owned()).spawn(|| block());
    if let Ok(leaked) = leaked {
        let _ = leaked.join();
    }
    code
}

/// Hears signals, and runs when it is told to.
fn installed(runtime: tokio::runtime::Runtime) -> ExitCode {
    say("installed");
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
    serve::<note>(runtime, obedient())
}
