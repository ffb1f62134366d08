//! Values of the application whose text or destructor misbehaves, and a `run` that is let go of.

use std::{
    fmt,
    future::{Future, pending},
    panic::panic_any,
    process::ExitCode,
    task::{Context, Waker},
    time::Duration,
};

use lifecycle::{Refused, on_shutdown, tracked};
use lifecycle_attack_tests::os;
use tokio::runtime::Runtime;

use crate::{
    Attack,
    kit::{note, obedient, only, pause, serve},
};

pub(crate) const ATTACKS: &[Attack] = &[
    ("main-error-text-panics", |runtime| fails(runtime, TextPanics)),
    ("main-error-text-parks", |runtime| fails(runtime, TextParks)),
    ("main-error-drop-panics", |runtime| fails(runtime, Bomb)),
    ("main-error-drop-parks", |runtime| fails(runtime, Immortal)),
    ("main-panics-with-a-bomb", |runtime| {
        serve::<note>(runtime, async {
            obedient().await;
            panic_any(Bomb);
        })
    }),
    ("main-drop-panics-with-a-bomb", |runtime| {
        serve::<note>(runtime, async {
            let _bomb = Bombs;
            lifecycle::ready();
            os::say("up");
            pending::<()>().await;
        })
    }),
    ("hook-panics-with-a-bomb", |runtime| serve::<panics_with_a_bomb>(runtime, obedient())),
    ("sync-hook-panics-with-a-bomb", |runtime| serve::<sync_bomb>(runtime, obedient())),
    ("hook-error-text-panics", |runtime| serve::<text_panics>(runtime, obedient())),
    ("hook-error-text-parks", |runtime| serve::<text_parks>(runtime, obedient())),
    ("hook-error-drop-panics", |runtime| serve::<error_drop_panics>(runtime, obedient())),
    ("hook-drop-panics-with-a-bomb", |runtime| serve::<drop_bombs>(runtime, obedient())),
    ("registered-hook-panics-with-a-bomb", |runtime| {
        registered(async { panic_any(Bomb) });
        serve::<()>(runtime, obedient())
    }),
    ("call-panics-with-a-bomb", |runtime| {
        serve::<note>(runtime, async {
            tokio::spawn(call());
            while lifecycle::status().in_flight() < 1 {
                tokio::task::yield_now().await;
            }
            obedient().await;
        })
    }),
    ("resource-drop-panics-with-a-bomb", |runtime| {
        lifecycle::provide(Bombs);
        serve::<note>(runtime, obedient())
    }),
    ("thread-local-drop-panics", |runtime| {
        // On whichever thread runs code of the application.
        serve::<leaves_a_thread_local>(runtime, obedient())
    }),
    ("run-dropped", |runtime| run_dropped(&runtime)),
    ("run-dropped-and-main-returns", |runtime| run_dropped_at_once(&runtime)),
    ("run-dropped-by-its-runtime", run_dropped_by_its_runtime),
    ("run-dropped-in-the-stop", |runtime| run_dropped_in_the_stop(&runtime)),
    ("run-forgotten", |runtime| kept(&runtime, true)),
    ("run-polled-once", |runtime| kept(&runtime, false)),
];

/// Its destructor panics.
#[derive(Debug)]
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("the bomb");
        }
    }
}

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such luck")
    }
}

/// Its destructor panics with what panics again when it is dropped.
pub(crate) struct Bombs;

impl Drop for Bombs {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic_any(Bomb);
        }
    }
}

/// Says that it is dropped.
pub(crate) struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        os::say("dropped");
    }
}

#[derive(Debug)]
struct TextPanics;

impl fmt::Display for TextPanics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic_any(Bomb)
    }
}

#[derive(Debug)]
struct TextParks;

impl fmt::Display for TextParks {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        os::block()
    }
}

#[derive(Debug)]
struct Immortal;

impl fmt::Display for Immortal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such luck")
    }
}

impl Drop for Immortal {
    fn drop(&mut self) {
        os::block();
    }
}

fn fails<E: fmt::Display + fmt::Debug>(runtime: Runtime, error: E) -> ExitCode {
    serve::<note>(runtime, async {
        obedient().await;
        Err::<(), _>(error)
    })
}

#[on_shutdown(timeout = "500ms")]
async fn panics_with_a_bomb() {
    panic_any(Bomb);
}

#[on_shutdown(timeout = "500ms")]
fn sync_bomb() {
    panic_any(Bomb);
}

#[on_shutdown(timeout = "500ms")]
async fn text_panics() -> Result<(), TextPanics> {
    Err(TextPanics)
}

#[on_shutdown(timeout = "500ms")]
async fn text_parks() -> Result<(), TextParks> {
    Err(TextParks)
}

#[on_shutdown(timeout = "500ms")]
async fn error_drop_panics() -> Result<(), Bomb> {
    Err(Bomb)
}

/// Cancelled at its timeout.
#[on_shutdown(timeout = "300ms")]
async fn drop_bombs() {
    let _bombs = Bombs;
    pending::<()>().await;
}

#[on_shutdown(timeout = "500ms")]
async fn leaves_a_thread_local() {
    thread_local! {
        static LAST: std::cell::RefCell<Option<Loud>> = const { std::cell::RefCell::new(None) };
    }
    LAST.with(|last| *last.borrow_mut() = Some(Loud));
    os::say("hook: leaves");
}

fn registered(work: impl Future<Output = ()> + Send + 'static) {
    let hook = lifecycle::hook("registered").timeout(Duration::from_millis(500));
    if let Err(error) = hook.register(|| work) {
        panic!("{error}");
    }
}

#[tracked]
async fn call() -> Result<(), Refused> {
    lifecycle::draining().await;
    panic_any(Bomb)
}

#[tracked]
async fn export() -> Result<(), Refused> {
    pending().await
}

async fn with_a_call_in_flight() {
    tokio::spawn(export());
    while lifecycle::status().in_flight() < 1 {
        tokio::task::yield_now().await;
    }
    lifecycle::ready();
    os::say("up");
    pending::<()>().await;
}

/// Dropped when the signal comes, by an application that listens as well.
fn run_dropped(runtime: &Runtime) -> ExitCode {
    runtime.block_on(async {
        tokio::select! {
            _ = only::<note>().run(with_a_call_in_flight()) => {}
            () = tokio::time::sleep(Duration::from_millis(300)) => {}
        }
        pause(100);
    });
    ExitCode::SUCCESS
}

/// The same, and the process ends by itself in that very moment.
fn run_dropped_at_once(runtime: &Runtime) -> ExitCode {
    runtime.block_on(async {
        tokio::select! {
            _ = only::<note>().run(with_a_call_in_flight()) => {}
            () = tokio::time::sleep(Duration::from_millis(300)) => {}
        }
    });
    std::process::exit(0)
}

fn run_dropped_by_its_runtime(runtime: Runtime) -> ExitCode {
    let local = tokio::task::LocalSet::new();
    local.spawn_local(only::<note>().run(with_a_call_in_flight()));
    runtime
        .block_on(local.run_until(async { tokio::time::sleep(Duration::from_millis(300)).await }));
    drop(local);
    drop(runtime);
    ExitCode::SUCCESS
}

fn run_dropped_in_the_stop(runtime: &Runtime) -> ExitCode {
    runtime.block_on(async {
        tokio::select! {
            _ = only::<note>().run(with_a_call_in_flight()) => {}
            () = async {
                lifecycle::requested().await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            } => {}
        }
    });
    ExitCode::SUCCESS
}

/// Nobody polls it any more, and main stands where it was.
fn kept(runtime: &Runtime, forgotten: bool) -> ExitCode {
    let _entered = runtime.enter();
    let mut run = Box::pin(only::<note>().run(async { lifecycle::draining().await }));
    while lifecycle::state() < lifecycle::State::Running {
        let polled = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        pause(5);
    }
    let kept = if forgotten {
        std::mem::forget(run);
        None
    } else {
        Some(run)
    };
    os::say("up");
    runtime.block_on(pending::<()>());
    drop(kept);
    ExitCode::SUCCESS
}
