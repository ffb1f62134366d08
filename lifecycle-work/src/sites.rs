//! The sites of consumers and of their classes, kept for ever: what the report names is sites.

use std::sync::{Mutex, PoisonError};

use lifecycle_core::{Site, SourceLocation, ext};

/// That of a class, or of a consumer where `class` is empty. There are as many as the program declares,
/// as a class that only a job names is none.
pub(crate) fn of(consumer: &str, class: &str, location: SourceLocation) -> &'static Site {
    static ALL: Mutex<Vec<&'static Site>> = Mutex::new(Vec::new());
    let separator = if class.is_empty() { "" } else { ": " };
    let name = format!("{consumer}{separator}{class}");
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let is_it = |site: &&&Site| site.name() == name && site.location() == location;
    if let Some(site) = all.iter().find(is_it) {
        return site;
    }
    let site: &'static Site = Box::leak(Box::new(ext::site(name.leak(), location)));
    all.push(site);
    site
}
