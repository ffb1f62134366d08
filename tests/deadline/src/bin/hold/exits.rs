//! Processes that are held while they exit: what runs in `exit` may block for ever.

use std::{cell::RefCell, process::ExitCode};

use lifecycle::on_shutdown;
use tokio::runtime::Runtime;

use crate::{
    Case,
    hooks::note,
    kit::{Immortal, block, obedient, serve},
};

pub(crate) const CASES: &[Case] = &[
    ("hook-exits", |runtime| serve::<exits>(runtime, obedient())),
    ("hook-exits-atexit", |runtime| {
        at_exit::block();
        serve::<exits>(runtime, obedient())
    }),
    ("main-exits-atexit", |runtime| {
        at_exit::block();
        serve::<note>(runtime, async {
            obedient().await;
            std::process::exit(5);
        })
    }),
    ("main-exits", |runtime| {
        serve::<note>(runtime, async {
            obedient().await;
            std::process::exit(5);
        })
    }),
    ("after-run-atexit", |runtime| {
        at_exit::block();
        serve::<note>(runtime, obedient())
    }),
    ("after-run-exits-atexit", |runtime| {
        at_exit::block();
        serve::<note>(runtime, obedient());
        std::process::exit(5);
    }),
    ("after-run-thread-local", thread_local),
];

#[on_shutdown(timeout = "1500ms")]
async fn exits() {
    std::process::exit(3);
}

thread_local! {
    static LAST: RefCell<Option<Immortal>> = const { RefCell::new(None) };
}

fn thread_local(runtime: Runtime) -> ExitCode {
    LAST.with(|last| *last.borrow_mut() = Some(Immortal));
    serve::<note>(runtime, obedient())
}

mod at_exit {
    #![allow(unsafe_code, reason = "std has no face for atexit")]

    // SAFETY: the declaration is that of the C library; registering a function that never returns
    // is safe.
    unsafe extern "C" {
        safe fn atexit(handler: extern "C" fn()) -> i32;
    }

    /// `exit` will not return.
    pub(super) fn block() {
        extern "C" fn handler() {
            super::block();
        }
        assert_eq!(atexit(handler), 0, "atexit is full");
    }
}
