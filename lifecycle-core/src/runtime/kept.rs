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

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    struct Calls<F: FnMut()>(F);

    impl<F: FnMut()> Drop for Calls<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }

    fn keep(kept: &Kept, what: &str, dropped: impl FnMut() + Send + 'static) {
        kept.add(what.to_owned(), Box::new(Calls(dropped)));
    }

    #[test]
    fn what_is_kept_last_is_dropped_first_and_a_panic_keeps_nobody_from_it() {
        let kept = Kept::default();
        let (dropped, order) = mpsc::channel();
        let then = dropped.clone();
        keep(&kept, "the first", move || dropped.send("first").unwrap());
        keep(&kept, "the second", || panic!("no"));
        keep(&kept, "the third", move || then.send("third").unwrap());
        let wrong = kept.end(None, Duration::from_secs(30));
        assert_eq!(wrong, ["the destructor of the second panicked: no"]);
        assert_eq!(order.iter().collect::<Vec<_>>(), ["third", "first"]);
        assert!(kept.is_empty());
    }

    #[test]
    fn what_does_not_end_in_time_is_named_and_left() {
        let kept = Kept::default();
        let (release, released) = mpsc::channel::<()>();
        keep(&kept, "the first", || {});
        keep(&kept, "the second", move || {
            let _ = released.recv();
        });
        let wrong = kept.end(None, Duration::from_millis(50));
        assert_eq!(
            wrong,
            ["what was to outlive the log has not ended within 50.0ms, and lines of it may be \
              lost: the first, the second"]
        );
        drop(release);
    }

    #[test]
    fn the_thread_that_drops_is_not_that_of_the_caller() {
        let kept = Kept::default();
        let (dropped, on) = mpsc::channel();
        keep(&kept, "it", move || dropped.send(thread::current().id()).unwrap());
        assert!(kept.end(None, Duration::from_secs(30)).is_empty());
        assert_ne!(on.recv().unwrap(), thread::current().id());
    }
}
