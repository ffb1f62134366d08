//! What has to outlive the last line of the log.

use std::{
    any::Any,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::runtime::Handle;

use crate::{
    foreign::contain,
    os::{self, Unbounded},
};

/// How long the destructors of all that is kept may take.
pub(super) const KEEP_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(crate) struct Kept {
    values: Mutex<Vec<Value>>,
}

struct Value {
    what: String,
    value: Box<dyn Any + Send>,
}

impl Kept {
    /// `what`: which it is, and where it was kept.
    pub(crate) fn add(&self, what: String, value: Box<dyn Any + Send>) {
        lock(&self.values).push(Value { what, value });
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.values).is_empty()
    }

    /// Drops all of it, last kept first, on a thread of its own; what is wrong then, in words.
    pub(super) fn end(&self, runtime: Option<Handle>, timeout: Duration) -> Vec<String> {
        let values = std::mem::take(&mut *lock(&self.values));
        if values.is_empty() {
            return Vec::new();
        }
        let all: Vec<_> = values.iter().map(|kept| kept.what.clone()).collect();
        let wrong: Arc<Mutex<Vec<String>>> = Arc::default();
        let panicked = Arc::clone(&wrong);
        let dropped = os::bounded("lifecycle-keep", timeout, move || {
            os::run_as_application();
            let _entered = runtime.as_ref().map(Handle::enter);
            for Value { what, value } in values.into_iter().rev() {
                if let Err(said) = contain(|| drop(value)) {
                    lock(&panicked).push(format!("the destructor of {what} panicked: {said}"));
                }
            }
        });
        let mut wrong = std::mem::take(&mut *lock(&wrong));
        match dropped {
            Ok(()) | Err(Unbounded::Panicked) => {}
            Err(Unbounded::Late) => wrong.push(format!(
                "what was to outlive the log has not ended within {timeout:.1?}, and lines of it may be lost: {}",
                all.join(", ")
            )),
            Err(Unbounded::NoThread(error)) => wrong.push(format!(
                "what was to outlive the log is not dropped, and lines of it may be lost: {error}"
            )),
        }
        wrong
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
