//! What threads of a program share, and one of them may hold for ever.

use std::{io, process::ExitCode, sync::OnceLock};

use lifecycle::{Site, on_shutdown};
use lifecycle_attack_tests::os::{self, Holdable};
use lifecycle_core::ext::LastResort;
use tokio::runtime::Runtime;

use crate::{
    Attack,
    kit::{blocks, fails, note, number, obedient, only, pause, serve, thread},
};

pub(crate) const ATTACKS: &[Attack] = &[
    ("allocator-held", |runtime| {
        thread(|| {
            pause(100);
            Holdable::hold();
            os::say("up");
        });
        serve::<note>(runtime, async {
            lifecycle::draining().await;
        })
    }),
    ("allocator-held-in-the-stop", |runtime| serve::<holds_the_allocator>(runtime, obedient())),
    ("stdio-held", |runtime| {
        thread(|| {
            let _locks = (io::stdout().lock(), io::stderr().lock(), io::stdin().lock());
            os::block();
        });
        pause(50);
        serve::<fails>(runtime, obedient())
    }),
    ("site-held", |runtime| {
        // A destructor of what a call was given, inside of whatever the call holds.
        let (held, is_held) = std::sync::mpsc::channel();
        thread(move || {
            static CALLS: Site = Site::new("calls");
            let _guard = CALLS.admit();
            let _ = held.send(());
            os::block();
        });
        let _ = is_held.recv();
        serve::<note>(runtime, obedient())
    }),
    ("destructor-at-the-deadline", |runtime| {
        lifecycle::provide(Slow);
        serve::<note>(runtime, obedient())
    }),
    ("main-at-the-deadline", |runtime| {
        serve::<note>(runtime, async {
            obedient().await;
            pause(number("LASTS"));
        })
    }),
    ("hook-at-the-deadline", |runtime| serve::<lasts>(runtime, obedient())),
    ("sync-hook-at-the-deadline", |runtime| serve::<sync_lasts>(runtime, obedient())),
    ("hook-sleeps", |runtime| serve::<sleeps>(runtime, obedient())),
    ("destructor-sleeps", |runtime| {
        lifecycle::provide(Sleeps);
        serve::<note>(runtime, obedient())
    }),
    ("hook-fails", |runtime| serve::<fails>(runtime, obedient())),
    ("hook-blocks", |runtime| serve::<blocks>(runtime, obedient())),
    ("main-fails", |runtime| {
        serve::<note>(runtime, async {
            obedient().await;
            Err::<(), _>("no such luck")
        })
    }),
    ("main-panics", |runtime| {
        serve::<note>(runtime, async {
            obedient().await;
            panic!("no such luck");
        })
    }),
    ("call-abandoned", |runtime| {
        serve::<note>(runtime, async {
            static EXPORTS: Site = Site::new("exports");
            std::mem::forget(EXPORTS.admit());
            obedient().await;
        })
    }),
    ("asks-to-fail", |runtime| {
        serve::<note>(runtime, async {
            thread(|| {
                while lifecycle::state() < lifecycle::State::Running {
                    pause(5);
                }
                pause(50);
                lifecycle::shutdown(lifecycle::Reason::failure("lost the lease"));
            });
            obedient().await;
        })
    }),
    ("component-fails", |runtime| {
        let report = runtime.block_on(only::<note>().component(Failing).run(obedient()));
        std::process::Termination::report(report)
    }),
    ("takes-all-memory", |runtime| {
        serve::<note>(runtime, async {
            thread(take_all_memory);
            obedient().await;
        })
    }),
    ("takes-all-memory-in-the-stop", |runtime| serve::<takes_all_memory>(runtime, obedient())),
    ("last-resort-unread", last_resort_unread),
    ("hook-changes-directory", |runtime| serve::<changes_directory>(runtime, obedient())),
];

#[on_shutdown(timeout = "500ms")]
async fn holds_the_allocator() {
    os::say("hook: holds");
    Holdable::hold();
}

#[on_shutdown(timeout = "500ms")]
async fn changes_directory() {
    os::say("hook: changes");
    if let Err(error) = std::env::set_current_dir("/") {
        panic!("{error}");
    }
}

fn take_all_memory() {
    let mut taken = Vec::new();
    loop {
        // Touched, so that it is there.
        taken.push(vec![1_u8; 1 << 20]);
    }
}

#[on_shutdown(timeout = "1500ms")]
async fn takes_all_memory() {
    take_all_memory();
}

/// Ends a moment after the deadline.
struct Slow;

impl Drop for Slow {
    fn drop(&mut self) {
        pause(number("LASTS"));
    }
}

#[on_shutdown(timeout = "10s")]
async fn lasts() {
    pause(number("LASTS"));
}

#[on_shutdown(timeout = "10s")]
fn sync_lasts() {
    pause(number("LASTS"));
}

#[on_shutdown(timeout = "1s")]
async fn sleeps() {
    os::say("hook: sleeps");
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    os::say("hook: slept");
}

struct Sleeps;

impl Drop for Sleeps {
    fn drop(&mut self) {
        os::say("destructor");
        pause(500);
    }
}

struct Failing;

impl lifecycle_core::ext::Component for Failing {
    fn name(&self) -> String {
        "failing".to_owned()
    }

    async fn start(&mut self) -> Result<(), lifecycle_core::ext::ComponentError> {
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), lifecycle_core::ext::ComponentError> {
        Err("no such luck".into())
    }
}

fn last_resort_unread(runtime: Runtime) -> ExitCode {
    static KEPT: OnceLock<lifecycle_core::ext::LastResortHandle> = OnceLock::new();
    let pipe = io::pipe();
    let Ok((reader, writer)) = pipe else { panic!("no pipe") };
    drop(reader);
    let last = LastResort::Write { fd: writer.into(), bytes: b"last words".to_vec() };
    match last.register() {
        Ok(kept) => drop(KEPT.set(kept)),
        Err(error) => panic!("{error}"),
    }
    serve::<blocks>(runtime, obedient())
}
