//! The application's last word before the library ends the process.

use std::sync::{Mutex, PoisonError};

use super::lifecycle::Lifecycle;
use crate::{SourceLocation, foreign::contain};

/// Calls `last_word` before the library ends the process itself: at the deadline, at the last step
/// of the escalation, and where the process is still there after its report. A stop that ends by
/// itself does not call it. For what must not outlive the process, such as a process group that is
/// to be killed.
///
/// It is called once it is decided that the process ends, after what there is to say was said and
/// the report was left. It may block, and it is not waited for: the process ends 100 ms later
/// whatever it does. A panic is contained. What is registered first is called first; where the
/// library's own thread is held (in the loader, in the kernel), the process ends without it:
/// what can be said as data belongs to [`ext::LastResort`](crate::ext::LastResort), which has no
/// such limit. In a scenario, where no process is ended, the report lists it as a problem.
#[track_caller]
pub fn on_forced_exit(last_word: impl FnOnce() + Send + 'static) {
    let place = SourceLocation::caller();
    Lifecycle::current().forced_exit.add(place, Box::new(last_word));
}

type LastWord = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct ForcedExit {
    last_words: Mutex<Vec<(SourceLocation, LastWord)>>,
}

impl ForcedExit {
    fn add(&self, place: SourceLocation, last_word: LastWord) {
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).push((place, last_word));
    }

    /// Calls them, each once. On the driver's thread, which has nothing else to do any more: the
    /// guard ends the process.
    pub(super) fn call(&self) {
        for (_, last_word) in self.take() {
            // The panic's own message has said so.
            let _ = contain(last_word);
        }
    }

    /// What would be called, in words; it is not.
    #[cfg(feature = "testing")]
    pub(crate) fn list(&self) -> Vec<String> {
        let line = |place: SourceLocation| {
            format!("a process would call the closure of on_forced_exit at {place}")
        };
        self.take().into_iter().map(|(place, _)| line(place)).collect()
    }

    fn take(&self) -> Vec<(SourceLocation, LastWord)> {
        std::mem::take(&mut *self.last_words.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
