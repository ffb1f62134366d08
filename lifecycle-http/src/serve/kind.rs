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

/// The names of the sites, and what the kind is called where it is a label.
const NAMES: [(Kind, &str, &str); 9] = [
    (Kind::New, "connections: new", "new"),
    (Kind::Idle, "connections: idle", "idle"),
    (Kind::Silent, "connections: nothing sent", "nothing_sent"),
    (Kind::HalfHead, "connections: half a request head", "half_head"),
    (Kind::HalfBody, "connections: half a request body", "half_body"),
    (Kind::Answering, "connections: answering", "answering"),
    (Kind::SlowReader, "connections: answer not read", "answer_not_read"),
    (Kind::Upgraded, "connections: upgraded", "upgraded"),
    (Kind::Http2, "connections: HTTP/2 without streams", "http2"),
];

ext::register!(ext::ConnectionSites::new(kind));

fn kind(name: &str, location: SourceLocation) -> Option<&'static str> {
    let (.., label) = NAMES.iter().find(|(_, known, _)| *known == name)?;
    all().iter().any(|(place, _)| *place == location).then_some(*label)
}

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
        let made = NAMES.map(|(kind, name, _)| (kind, ext::site_never_refused(name, location)));
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
    kind(name, location).is_some()
}

fn all() -> std::sync::MutexGuard<'static, Vec<(SourceLocation, Sites)>> {
    static ALL: Mutex<Vec<(SourceLocation, Sites)>> = Mutex::new(Vec::new());
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}
