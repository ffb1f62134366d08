//! What has to outlive the last line of the log.

use std::{
    any::{Any, type_name},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::lifecycle::Lifecycle;
use crate::{
    SourceLocation,
    foreign::contain,
    os::{self, Unbounded},
};

/// How long the destructors of all that is kept may take.
pub(super) const KEEP_TIMEOUT: Duration = Duration::from_secs(2);

/// Keeps `value` until the last line of the stop is in the log, and drops it then, before `run`
/// returns: for what writes the log, such as the `WorkerGuard` of `tracing-appender` or a tracer
/// provider, which would lose the lines of the stop if main dropped it. What is kept last is dropped
/// first, after hooks, resources and components, on a thread of its own.
///
/// All of it together has 2 s, and never beyond the deadline: what takes longer is named on stderr
/// and left. A process that is ended by force drops nothing.
///
/// ```no_run
/// # use lifecycle_core as lifecycle;
/// # struct WorkerGuard;
/// # fn non_blocking() -> ((), WorkerGuard) { ((), WorkerGuard) }
/// let (writer, guard) = non_blocking();
/// lifecycle::keep_until_exit(guard);
/// ```
#[track_caller]
pub fn keep_until_exit<T: Send + 'static>(value: T) {
    let kept = Value {
        what: format!("`{}`, kept at {}", type_name::<T>(), SourceLocation::caller()),
        value: Box::new(value),
    };
    let lifecycle = Lifecycle::current();
    lifecycle.kept.values.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
}

#[derive(Default)]
pub(crate) struct Kept {
    values: Mutex<Vec<Value>>,
}

struct Value {
    what: String,
    value: Box<dyn Any + Send>,
}

impl Kept {
    pub(super) fn is_empty(&self) -> bool {
        self.values.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.values.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Lifecycle {
    /// Drops what is kept, last kept first, and waits for it in its time.
    pub(crate) fn drop_kept(&'static self) {
        let kept = self.kept.take();
        if kept.is_empty() {
            return;
        }
        let all: Vec<_> = kept.iter().map(|kept| kept.what.clone()).collect();
        let runtime = self.runtime().cloned();
        let timeout = self.time_left().map_or(KEEP_TIMEOUT, |left| left.min(KEEP_TIMEOUT));
        let dropped = os::bounded("lifecycle-keep", timeout, move || {
            os::run_as_application();
            let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
            for Value { what, value } in kept.into_iter().rev() {
                if let Err(said) = contain(|| drop(value)) {
                    self.eprint(&format!("the destructor of {what} panicked: {said}"));
                }
            }
        });
        match dropped {
            Ok(()) | Err(Unbounded::Panicked) => {}
            Err(Unbounded::Late) => self.eprint(&format!(
                "what was to outlive the log has not ended within {timeout:.1?}, and lines of it may be lost: {}",
                all.join(", ")
            )),
            Err(Unbounded::NoThread(error)) => self.eprint(&format!(
                "what was to outlive the log is not dropped, and lines of it may be lost: {error}"
            )),
        }
    }
}
