//! Hooks and mains that call the lifecycle that calls them.

use std::time::Duration;

use lifecycle::{Reason, Refused, Site, on_shutdown, tracked};

use crate::{
    Case,
    hooks::note,
    kit::{obedient, say, serve},
};

pub(crate) const CASES: &[Case] = &[
    ("hook-asks-again", |runtime| serve::<asks_again>(runtime, obedient())),
    ("hook-registers", |runtime| serve::<registers>(runtime, obedient())),
    ("guard-forgotten", |runtime| serve::<note>(runtime, forgets())),
    ("guard-too-late", |runtime| serve::<note>(runtime, comes_late())),
    ("tracked-endless", |runtime| serve::<note>(runtime, tracks())),
];

#[on_shutdown(timeout = "1500ms")]
async fn asks_again() {
    lifecycle::shutdown(Reason::failure("again"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    say("hook: asks_again");
}

#[on_shutdown(timeout = "1500ms")]
async fn registers() {
    let registered = lifecycle::hook("registered").order(7).register(|| async {
        say("hook: registered");
    });
    if let Err(error) = registered {
        say(format!("refused: {error}"));
    }
}

static EXPORTS: Site = Site::new("exports");

async fn forgets() {
    match EXPORTS.admit() {
        Ok(guard) => std::mem::forget(guard),
        Err(refused) => say(refused.to_string()),
    }
    obedient().await;
}

async fn comes_late() {
    obedient().await;
    match EXPORTS.admit() {
        Ok(_) => say("admitted"),
        Err(refused) => say(format!("refused: {refused}")),
    }
}

#[tracked]
async fn export() -> Result<(), Refused> {
    std::future::pending().await
}

async fn tracks() {
    tokio::spawn(export());
    tokio::spawn(export());
    while lifecycle::status().in_flight() < 2 {
        tokio::task::yield_now().await;
    }
    obedient().await;
}
