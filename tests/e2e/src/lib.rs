//! Deploys under load. [`App`] is a server that is started and stopped as a platform does; [`load`]
//! is the client: it opens raw connections, tries nothing twice, and counts what it saw;
//! [`HaProxy`] stands between the two, [`Podman`] runs them in containers, and
//! [`Prometheus`](prometheus::Prometheus) looks on.

mod app;
mod haproxy;
pub mod http1;
pub mod load;
mod orders;
mod podman;
pub mod prometheus;
pub mod tls;

pub use self::{
    app::{App, Ended, Listening},
    haproxy::HaProxy,
    orders::orders,
    podman::{Podman, Stopped},
};

/// Whether what is missing on this machine fails a test instead of being passed over.
#[must_use]
pub fn all_is_demanded() -> bool {
    std::env::var("LIFECYCLE_E2E").is_ok_and(|value| value == "all")
}

/// How many requests a test of this many makes: `LIFECYCLE_E2E_REQUESTS` says otherwise.
#[must_use]
pub fn requests(default: u64) -> u64 {
    std::env::var("LIFECYCLE_E2E_REQUESTS")
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}
