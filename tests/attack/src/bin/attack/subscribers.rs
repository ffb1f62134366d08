//! A subscriber that blocks or panics, in each of its methods.

use std::process::ExitCode;

use lifecycle::State;
use lifecycle_attack_tests::os;
use tokio::runtime::Runtime;
use tracing::{Event, Metadata, Subscriber, span, subscriber::Interest};

use crate::{
    Attack,
    kit::{note, obedient, serve},
};

pub(crate) const ATTACKS: &[Attack] = &[
    ("subscriber-parks-in-register", |runtime| subscribed(runtime, Method::Register, os::block)),
    ("subscriber-parks-in-enabled", |runtime| subscribed(runtime, Method::Enabled, os::block)),
    ("subscriber-parks-in-new-span", |runtime| subscribed(runtime, Method::NewSpan, os::block)),
    ("subscriber-parks-in-enter", |runtime| subscribed(runtime, Method::Enter, os::block)),
    ("subscriber-parks-in-exit", |runtime| subscribed(runtime, Method::Exit, os::block)),
    ("subscriber-parks-in-event", |runtime| subscribed(runtime, Method::Event, os::block)),
    ("subscriber-parks-in-close", |runtime| subscribed(runtime, Method::Close, os::block)),
    ("subscriber-parks-in-clone", |runtime| subscribed(runtime, Method::Clone, os::block)),
    ("subscriber-panics-in-register", |runtime| subscribed(runtime, Method::Register, panics)),
    ("subscriber-panics-in-enabled", |runtime| subscribed(runtime, Method::Enabled, panics)),
    ("subscriber-panics-in-new-span", |runtime| subscribed(runtime, Method::NewSpan, panics)),
    ("subscriber-panics-in-enter", |runtime| subscribed(runtime, Method::Enter, panics)),
    ("subscriber-panics-in-exit", |runtime| subscribed(runtime, Method::Exit, panics)),
    ("subscriber-panics-in-event", |runtime| subscribed(runtime, Method::Event, panics)),
    ("subscriber-panics-in-close", |runtime| subscribed(runtime, Method::Close, panics)),
    ("subscriber-panics-in-clone", |runtime| subscribed(runtime, Method::Clone, panics)),
];

fn panics() -> ! {
    panic!("no such subscriber")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Register,
    Enabled,
    NewSpan,
    Enter,
    Exit,
    Event,
    Close,
    Clone,
}

fn subscribed(runtime: Runtime, method: Method, attacks: fn() -> !) -> ExitCode {
    if let Err(error) = tracing::subscriber::set_global_default(Attacking { method, attacks }) {
        panic!("another subscriber is there: {error}");
    }
    serve::<note>(runtime, obedient())
}

/// Of the library's lines and spans alone, once a stop is under way: an application whose own lines
/// block holds its own threads.
struct Attacking {
    method: Method,
    attacks: fn() -> !,
}

impl Attacking {
    fn is_in(&self, method: Method) {
        if self.method == method && lifecycle::state() > State::Running {
            (self.attacks)();
        }
    }
}

impl Subscriber for Attacking {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target() != "lifecycle" {
            return Interest::never();
        }
        self.is_in(Method::Register);
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_ours = metadata.target() == "lifecycle";
        if is_ours {
            self.is_in(Method::Enabled);
        }
        is_ours
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        self.is_in(Method::NewSpan);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        self.is_in(Method::Event);
    }

    fn enter(&self, _: &span::Id) {
        self.is_in(Method::Enter);
    }

    fn exit(&self, _: &span::Id) {
        self.is_in(Method::Exit);
    }

    fn clone_span(&self, id: &span::Id) -> span::Id {
        self.is_in(Method::Clone);
        id.clone()
    }

    fn try_close(&self, _: span::Id) -> bool {
        self.is_in(Method::Close);
        true
    }
}
