//! What answers probes on a listener of its own. It is another crate, which is linked in.

use std::net::SocketAddr;

use super::Config;

/// Adds the component that answers probes at an address, for `Config::health`.
#[derive(Clone, Copy, Debug)]
pub struct HealthListener {
    add: fn(Config, SocketAddr) -> Config,
}

inventory::collect!(HealthListener);

impl HealthListener {
    /// `add` adds a [`Component`](crate::ext::Component) to the configuration.
    #[must_use]
    pub const fn new(add: fn(Config, SocketAddr) -> Config) -> Self {
        Self { add }
    }
}

impl Config {
    /// Answers probes at `addr`, on a thread of their own, from before main is first polled until
    /// after the last hook: `/livez`, `/readyz`, `/startupz` and `/health`, with all details, for a
    /// port that only operators and orchestrators reach. `lifecycle::http::HealthServer` is the
    /// component behind it, and has its settings. An address that cannot be bound ends `run` with
    /// 1 before main is polled.
    ///
    /// # Panics
    /// In a program that depends on `lifecycle-core` and does not link `lifecycle-http`; the
    /// feature `http` of `lifecycle-hooks` does.
    pub fn health(self, addr: impl Into<SocketAddr>) -> Self {
        let listener = inventory::iter::<HealthListener>().next();
        let listener = listener.expect(super::diagnostic::NO_HEALTH);
        (listener.add)(self, addr.into())
    }
}
