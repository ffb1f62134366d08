//! What a connection is to the report.

use std::sync::{Mutex, PoisonError};

use lifecycle_core::{Guard, Site, SourceLocation, ext};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    New,
    Idle,
    Silent,
    HalfHead,
    HalfBody,
    Answering,
    SlowReader,
    Upgraded,
    Http2,
}

const NAMES: [(Kind, &str); 9] = [
    (Kind::New, "connections: new"),
    (Kind::Idle, "connections: idle"),
    (Kind::Silent, "connections: nothing sent"),
    (Kind::HalfHead, "connections: half a request head"),
    (Kind::HalfBody, "connections: half a request body"),
    (Kind::Answering, "connections: answering"),
    (Kind::SlowReader, "connections: answer not read"),
    (Kind::Upgraded, "connections: upgraded"),
    (Kind::Http2, "connections: HTTP/2 without streams"),
];

/// Where the connections of a server are counted: under their kinds, at the place where it is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sites(&'static [(Kind, Site)]);

impl Sites {
    /// Sites are for ever, and a server may be made at one place often.
    pub(super) fn at(location: SourceLocation) -> Self {
        let mut all = all();
        if let Some((_, sites)) = all.iter().find(|(place, _)| *place == location) {
            return *sites;
        }
        let made = NAMES.map(|(kind, name)| (kind, ext::site_never_refused(name, location)));
        let sites = Self(Box::leak(Box::new(made)));
        all.push((location, sites));
        sites
    }

    /// Counts a connection as this.
    pub(super) fn admit(self, kind: Kind) -> Option<Guard> {
        let (_, site) = self.0.iter().find(|(known, _)| *known == kind)?;
        // Never refused, so that this is `Some`.
        site.admit().ok()
    }
}

/// Whether a site counts connections and not work.
pub(super) fn counts_connections(name: &str, location: SourceLocation) -> bool {
    all().iter().any(|(place, _)| *place == location)
        && NAMES.iter().any(|(_, known)| *known == name)
}

fn all() -> std::sync::MutexGuard<'static, Vec<(SourceLocation, Sites)>> {
    static ALL: Mutex<Vec<(SourceLocation, Sites)>> = Mutex::new(Vec::new());
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}
