//! Which sites count connections, and not work.

use crate::SourceLocation;

/// Tells the sites of a server's connections from those of work, for whoever shows both.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionSites {
    kind: fn(&str, SourceLocation) -> Option<&'static str>,
}

inventory::collect!(ConnectionSites);

impl ConnectionSites {
    /// `kind` is given the name and the place of a site. It returns the kind of connection that is
    /// counted there, in a word or two that never change, or `None` where it knows nothing of it.
    #[must_use]
    pub const fn new(kind: fn(&str, SourceLocation) -> Option<&'static str>) -> Self {
        Self { kind }
    }
}

/// The kind of connection that is counted at the site of this name and place; `None` of work.
#[must_use]
pub fn connection_kind(name: &str, location: SourceLocation) -> Option<&'static str> {
    inventory::iter::<ConnectionSites>().find_map(|sites| (sites.kind)(name, location))
}
