//! Hooks that hold on.

use std::{
    future::pending,
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use lifecycle::{on_shutdown, plan::HookSet};
use tokio::runtime::Runtime;

use crate::{
    Case,
    kit::{Immortal, block, obedient, pause, say, serve},
};

pub(crate) const CASES: &[Case] = &[
    ("hook-blocks", with::<blocks>),
    ("hook-sync", with::<endless>),
    ("hook-spins", with::<spins>),
    ("hook-drop-blocks", with::<drop_blocks>),
    ("hook-in-place", with::<blocks_in_place>),
    ("hook-looks-up", with::<looks_up>),
    ("hook-locks", locked),
    ("hook-panics", with::<panics>),
    ("hook-late", with::<(late, lingers)>),
    ("hook-late-panic", with::<late_panic>),
    ("hook-very-late", with::<(very_late, lingers)>),
    ("hook-obedient", with::<note>),
];

fn with<S: HookSet>(runtime: Runtime) -> ExitCode {
    serve::<S>(runtime, obedient())
}

#[on_shutdown(timeout = "500ms")]
pub(crate) async fn note() {
    eprintln!("hook: note");
}

#[on_shutdown(timeout = "1500ms")]
async fn blocks() {
    block();
}

#[on_shutdown(timeout = "1500ms")]
fn endless() {
    block();
}

#[on_shutdown(timeout = "1500ms")]
async fn spins() {
    loop {
        std::hint::spin_loop();
    }
}

#[on_shutdown(timeout = "1500ms")]
async fn drop_blocks() {
    let _immortal = Immortal;
    pending::<()>().await;
}

#[on_shutdown(timeout = "1500ms")]
async fn blocks_in_place() {
    tokio::task::block_in_place(|| block());
}

/// The look-up is a thread of the blocking pool that waits for a name server.
#[on_shutdown(timeout = "1500ms")]
pub(crate) async fn looks_up() -> Result<(), std::io::Error> {
    let name = std::env::var("LOOK_UP").unwrap_or_else(|_| "nowhere.example:80".to_owned());
    tokio::net::lookup_host(name).await.map(drop)
}

static LEDGER: Mutex<()> = Mutex::new(());

#[on_shutdown(timeout = "1500ms")]
async fn locks() {
    let _ledger = LEDGER.lock().unwrap_or_else(PoisonError::into_inner);
}

fn locked(runtime: Runtime) -> ExitCode {
    let (locked, is_locked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ledger = LEDGER.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = locked.send(());
        block();
    });
    let _ = is_locked.recv();
    with::<locks>(runtime)
}

#[on_shutdown(timeout = "1500ms")]
pub(crate) async fn panics() {
    panic!("no such luck");
}

/// Returns after its timeout, and before it is given up.
#[on_shutdown(timeout = "150ms")]
fn late() {
    pause(190);
}

#[on_shutdown(timeout = "150ms")]
fn late_panic() {
    pause(155);
    panic!("too late for luck");
}

/// Returns when it has been given up.
#[on_shutdown(timeout = "150ms")]
fn very_late() {
    pause(500);
}

/// Keeps the teardown going.
#[on_shutdown(timeout = "2s")]
async fn lingers() {
    tokio::time::sleep(std::time::Duration::from_millis(900)).await;
    say("hook: lingers");
}
