//! Where the library's and the application's words go, and what blocks there.

use std::process::ExitCode;

use lifecycle::{State, on_shutdown};
use tokio::runtime::Runtime;
use tracing::{Event, Metadata, Subscriber, span};

use crate::{
    Case,
    hooks::{note, panics},
    kit::{block, obedient, serve},
};

pub(crate) const CASES: &[Case] = &[
    ("subscriber-blocks-on-stop", |runtime| subscribed(runtime, Blocking { always: false })),
    ("subscriber-blocks", |runtime| subscribed(runtime, Blocking { always: true })),
    ("panic-hook-blocks", |runtime| {
        std::panic::set_hook(Box::new(|_| block()));
        serve::<panics>(runtime, obedient())
    }),
    ("hook-prints", |runtime| serve::<prints>(runtime, obedient())),
];

#[on_shutdown(timeout = "1500ms")]
async fn prints() {
    println!("{}", "many words ".repeat(10_000));
}

fn subscribed(runtime: Runtime, subscriber: Blocking) -> ExitCode {
    if let Err(error) = tracing::subscriber::set_global_default(subscriber) {
        panic!("another subscriber is there: {error}");
    }
    serve::<note>(runtime, obedient())
}

/// Never returns from an event: from the beginning, or once a stop is under way.
struct Blocking {
    always: bool,
}

impl Subscriber for Blocking {
    /// Of the library's lines alone: an application whose own lines block holds its own threads.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "lifecycle" && metadata.is_event()
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        if self.always || lifecycle::state() > State::Running {
            block();
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
