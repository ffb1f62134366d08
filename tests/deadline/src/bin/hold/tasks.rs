//! Tasks and threads that hold on.

use std::{
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
};

use lifecycle::{Refused, tracked};
use tokio::{
    io::AsyncReadExt,
    runtime::{Handle, Runtime, RuntimeFlavor},
};

use crate::{
    Case,
    hooks::{looks_up, note},
    kit::{Immortal, block, obedient, pause, say, serve},
};

pub(crate) const CASES: &[Case] = &[
    ("tasks-block", |runtime| tasks_block(runtime, 1)),
    ("tasks-block-twice", |runtime| tasks_block(runtime, 2)),
    ("task-drop-blocks", task_drop_blocks),
    ("spawn-blocking", spawn_blocking),
    ("tracked-blocking", tracked_blocking),
    ("stdin", stdin),
    ("looks-up", look_up),
    ("destructor", destructor),
];

/// Tasks that block, so many for each worker.
fn tasks_block(runtime: Runtime, times: usize) -> ExitCode {
    let workers = runtime.metrics().num_workers();
    serve::<note>(runtime, async move {
        let draining = lifecycle::draining();
        // The one thread of such a runtime is main's: once it is blocked, main says nothing any
        // more.
        let main_has_a_thread = Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread;
        if !main_has_a_thread {
            say("up");
        }
        for _ in 0..workers * times {
            tokio::spawn(async {
                BLOCKED.fetch_add(1, Ordering::Relaxed);
                block();
            });
        }
        if main_has_a_thread {
            while BLOCKED.load(Ordering::Relaxed) < workers {
                pause(1);
            }
            say("up");
        }
        draining.await;
    })
}

static BLOCKED: AtomicUsize = AtomicUsize::new(0);

/// Held by the destructor of the runtime.
fn task_drop_blocks(runtime: Runtime) -> ExitCode {
    serve::<note>(runtime, async {
        tokio::spawn(async {
            let _immortal = Immortal;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        obedient().await;
    })
}

fn spawn_blocking(runtime: Runtime) -> ExitCode {
    serve::<note>(runtime, async {
        tokio::task::spawn_blocking(|| block());
        obedient().await;
    })
}

#[tracked]
async fn import() -> Result<(), Refused> {
    lifecycle::spawn_blocking(|| block());
    Ok(())
}

fn tracked_blocking(runtime: Runtime) -> ExitCode {
    serve::<note>(runtime, async {
        let _ = import().await;
        obedient().await;
    })
}

fn stdin(runtime: Runtime) -> ExitCode {
    serve::<note>(runtime, async {
        tokio::spawn(async { tokio::io::stdin().read_u8().await });
        tokio::task::yield_now().await;
        obedient().await;
    })
}

fn look_up(runtime: Runtime) -> ExitCode {
    serve::<note>(runtime, async {
        tokio::spawn(looks_up());
        tokio::task::yield_now().await;
        obedient().await;
    })
}

fn destructor(runtime: Runtime) -> ExitCode {
    serve::<note>(runtime, async {
        lifecycle::provide(Immortal);
        obedient().await;
    })
}
