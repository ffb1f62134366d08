//! The application's last words before the library ends the process.

use std::sync::{Mutex, PoisonError};

use crate::{SourceLocation, foreign::contain};

pub(crate) type LastWord = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct ForcedExit {
    last_words: Mutex<Vec<(SourceLocation, LastWord)>>,
}

impl ForcedExit {
    pub(crate) fn add(&self, place: SourceLocation, last_word: LastWord) {
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
