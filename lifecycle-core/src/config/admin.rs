//! What answers an operator on a Unix socket. It is another crate, which is linked in.

use std::path::PathBuf;

use super::Config;

/// Adds the component that answers operators at a path, for `Config::admin`.
#[derive(Clone, Copy, Debug)]
pub struct AdminListener {
    add: fn(Config, PathBuf) -> Config,
}

inventory::collect!(AdminListener);

impl AdminListener {
    /// `add` adds a [`Component`](crate::ext::Component) to the configuration.
    #[must_use]
    pub const fn new(add: fn(Config, PathBuf) -> Config) -> Self {
        Self { add }
    }
}

impl Config {
    /// Answers operators on a Unix socket at `path`, on a thread of its own, from before main is
    /// first polled until after the last hook: status, plan, what is in flight, what happens, and
    /// the request for a stop. The tool `lifecycle` speaks to it; docs/admin.md has the protocol.
    ///
    /// It serves this user and root. Its folder must be one that nobody else can write to. A path
    /// at which another instance answers, or at which something stands that is no socket, ends
    /// `run` with 1 before main is polled. A relative path begins where the process is now.
    ///
    /// # Panics
    /// In a program that depends on `lifecycle-core` and does not link `lifecycle-admin`; the
    /// feature `admin` of `lifecycle-hooks` does.
    pub fn admin(self, path: impl Into<PathBuf>) -> Self {
        let listener = inventory::iter::<AdminListener>().next();
        let listener = listener.expect(super::diagnostic::NO_ADMIN);
        (listener.add)(self, path.into())
    }
}
