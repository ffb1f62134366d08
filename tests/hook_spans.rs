//! The spans of a stop are complete when the last hook runs, which may be what exports them.

use std::{collections::HashMap, fmt::Debug, sync::Mutex, thread::sleep, time::Duration};

use lifecycle::on_shutdown;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// More than a hook waits for its own span.
const CLOSE: Duration = Duration::from_millis(60);

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn saw(what: impl Into<String>) {
    SEEN.lock().unwrap().push(what.into());
}

#[on_shutdown]
fn blocks() {
    saw("blocks");
}

#[on_shutdown(after = [blocks])]
async fn waits() {
    saw("waits");
}

#[on_shutdown(after = [waits])]
fn exports() {
    saw("exports");
}

/// Takes its time to close a span, as one that exports it may.
#[derive(Default)]
struct SlowToClose {
    spans: Mutex<HashMap<u64, (String, usize)>>,
}

impl Subscriber for SlowToClose {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == "lifecycle"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut name = Name(span.metadata().name().to_owned());
        span.record(&mut name);
        saw(format!("open {}", name.0));
        let mut spans = self.spans.lock().unwrap();
        let id = spans.len() as u64 + 1;
        spans.insert(id, (name.0, 1));
        Id::from_u64(id)
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.spans.lock().unwrap().get_mut(&id.into_u64()).unwrap().1 += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut spans = self.spans.lock().unwrap();
        let (name, held) = spans.get_mut(&id.into_u64()).unwrap();
        *held -= 1;
        if *held > 0 {
            return false;
        }
        let name = name.clone();
        drop(spans);
        // Whoever is next has to wait for these two.
        if name.starts_with("hook ") || name == "shutdown" {
            sleep(CLOSE);
        }
        saw(format!("close {name}"));
        true
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The name of a span, and of its hook.
struct Name(String);

impl Visit for Name {
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "name" {
            let (_, hook) = value.rsplit_once("::").unwrap();
            self.0 = format!("{} {hook}", self.0);
        }
    }
}

#[tokio::test]
async fn each_span_is_closed_before_the_next_hook_and_that_of_the_stop_before_the_last() {
    tracing::subscriber::set_global_default(SlowToClose::default()).unwrap();
    let report = lifecycle::run(async {}).await;
    assert!(report.is_clean(), "{report}");
    let seen = SEEN.lock().unwrap();
    assert_eq!(
        *seen,
        [
            "open shutdown",
            "open drain",
            "close drain",
            "open hook blocks",
            "blocks",
            "close hook blocks",
            "open hook waits",
            "waits",
            "close hook waits",
            "close shutdown",
            "open hook exports",
            "exports",
            "close hook exports",
        ]
    );
}
