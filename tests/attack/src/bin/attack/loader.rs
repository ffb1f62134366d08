//! The loader's locks: a library whose constructor never returns holds them.

use std::process::ExitCode;

use lifecycle::on_shutdown;
use lifecycle_attack_tests::os;
use tokio::runtime::Runtime;

use crate::{
    Attack,
    ends::Loud,
    kit::{note, obedient, pause, serve, thread},
};

pub(crate) const ATTACKS: &[Attack] = &[
    ("dlopen-hangs", |runtime| {
        once_ready(load);
        serve::<note>(runtime, listens())
    }),
    ("dlopen-hangs-before-run", |runtime| {
        thread(load);
        pause(100);
        serve::<note>(runtime, listens())
    }),
    ("dlopen-hangs-beside-a-sync-hook", |runtime| {
        once_ready(load);
        serve::<sync>(runtime, listens())
    }),
    ("dlopen-hangs-beside-a-resource", |runtime| {
        lifecycle::provide(Loud);
        once_ready(load);
        serve::<note>(runtime, listens())
    }),
    ("dlopen-hangs-in-the-stop", |runtime| serve::<loads>(runtime, obedient())),
    ("dlclose-hangs", |runtime| {
        let library = os::load(&std::env::var("LIBRARY").unwrap_or_default());
        once_ready(move || library.unload());
        serve::<note>(runtime, listens())
    }),
    ("walk-of-libraries-hangs", |runtime| {
        once_ready(os::hang_in_walk_of_libraries);
        serve::<note>(runtime, listens())
    }),
    ("walk-of-libraries-hangs-and-a-hook-panics", |runtime| {
        once_ready(os::hang_in_walk_of_libraries);
        serve::<panics>(runtime, listens())
    }),
    ("forks-hang", forks_hang),
];

/// Held once main is there: the constructor says `up`, and does not return.
fn once_ready(hang: impl FnOnce() + Send + 'static) {
    thread(|| {
        while lifecycle::state() < lifecycle::State::Running {
            pause(5);
        }
        pause(50);
        hang();
    });
}

fn load() {
    os::load(&std::env::var("LIBRARY").unwrap_or_default());
}

async fn listens() {
    lifecycle::draining().await;
}

#[on_shutdown(timeout = "500ms")]
fn sync() {
    os::say("hook: sync");
}

#[on_shutdown(timeout = "500ms")]
async fn loads() {
    os::say("hook: loads");
    load();
}

#[on_shutdown(timeout = "500ms")]
async fn panics() {
    os::say("hook: panics");
    panic!("no such luck");
}

fn forks_hang(runtime: Runtime) -> ExitCode {
    os::hang_forks();
    thread(|| {
        os::fork(|| 0);
    });
    pause(100);
    serve::<crate::kit::fails>(runtime, obedient())
}
