//! Text that was read and has to stand where text of the program stands.

use std::{
    collections::HashSet,
    sync::{LazyLock, Mutex, PoisonError},
};

/// `text`, for ever. Each text is kept once: names and files of source code, of which there are
/// few.
pub(crate) fn intern(text: &str) -> &'static str {
    static KEPT: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = kept.get(text) {
        return kept;
    }
    let text: &'static str = Box::leak(text.into());
    kept.insert(text);
    text
}
