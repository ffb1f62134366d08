//! Hooks that scenarios choose from.

use std::future::pending;

use lifecycle::{Reason, on_shutdown};

use crate::kit::{Dropped, block, pause, say, told};

#[on_shutdown]
pub(crate) async fn note() {
    say("hook: note");
}

/// Is never done, and goes when it is cancelled.
#[on_shutdown(timeout = "60s")]
pub(crate) async fn endless() {
    say("hook: endless");
    pending::<()>().await;
}

#[on_shutdown]
pub(crate) async fn fails() -> Result<(), String> {
    Err("the broker at amqp://app:s3cret@mq is gone".to_owned())
}

#[on_shutdown(after = [fails])]
pub(crate) async fn after_fails() {
    say("hook: after_fails");
}

#[on_shutdown]
pub(crate) async fn panics() {
    panic!("{} at amqp://app:s3cret@mq", "no such luck");
}

#[on_shutdown(after = [panics])]
pub(crate) async fn after_panics() {
    say("hook: after_panics");
}

/// Goes when it is cancelled, and takes its destructor's time.
#[on_shutdown(timeout = "150ms")]
pub(crate) async fn hangs() {
    let _dropped = Dropped("hangs");
    let _slowly = Slowly;
    pending::<()>().await;
}

struct Slowly;

impl Drop for Slowly {
    fn drop(&mut self) {
        pause(10);
    }
}

#[on_shutdown(after = [hangs])]
pub(crate) async fn after_hangs() {
    say("hook: after_hangs");
}

/// Cannot be stopped: not async.
#[on_shutdown(timeout = "150ms")]
pub(crate) fn sticks() {
    block();
}

#[on_shutdown(after = [sticks])]
pub(crate) async fn after_sticks() {
    say("hook: after_sticks");
    told("go").await;
}

/// Takes longer than it has, and then returns.
#[on_shutdown(timeout = "150ms")]
pub(crate) fn dawdles() {
    pause(190);
}

/// Blocks its own thread, and finds the runtime entered there.
#[on_shutdown]
pub(crate) fn calls_in() {
    let there = tokio::runtime::Handle::current().block_on(async { 7 });
    say(format!("hook: calls_in {there}"));
}

#[on_shutdown]
pub(crate) async fn asks_again() {
    lifecycle::shutdown(Reason::failure("again"));
    say(format!("hook: asks_again while {}", lifecycle::state()));
}
