//! What a load balancer, an orchestrator or an operator may ask.

mod check;
#[cfg(feature = "tonic")]
mod grpc;
mod server;
mod verdict;

use axum::{Router, extract::Request, response::Response, routing::get};

pub use self::check::{Check, check};
#[cfg(feature = "tonic")]
pub use self::grpc::{GrpcHealth, Watch, grpc_health, grpc_health_of};
pub use self::server::HealthServer;
use self::{
    server::Details,
    verdict::{Asked, Verdict},
};

/// The probes as routes, to be merged into a router: `/livez`, `/readyz`, `/startupz`, `/health`.
///
/// Each answers 200 and `ok`, or 503 and what failed. `?verbose` lists every check, `?exclude=name`
/// leaves one out, `/readyz/name` asks one alone, and `Accept: application/json` gets the same as
/// JSON with the state, how many calls are in flight and whether the process may be ended.
///
/// - `/livez`: until the lifecycle has stopped. What the application depends on is no part of it: a
///   restart mends no database.
/// - `/readyz`: while the lifecycle runs, nobody holds readiness, and every [`check`] passes. 503
///   from the moment a stop is requested.
/// - `/startupz`: once it has been ready.
/// - `/health`: as `/readyz`, for people.
///
/// Asking never says that anybody knows of the drain. Why a check failed is logged and not
/// answered; see [`HealthServer`] for details. Merge it after [`track`](crate::track) was layered
/// on, so that probes are neither counted nor refused.
///
/// ```
/// use axum::{Router, routing::get};
///
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(lifecycle_http::track())
///     .merge(lifecycle_http::health());
/// ```
pub fn health() -> Health {
    Health {
        live: "/livez".to_owned(),
        ready: "/readyz".to_owned(),
        startup: "/startupz".to_owned(),
        health: "/health".to_owned(),
        details: None,
    }
}

/// Made by [`health`].
#[derive(Clone, Debug)]
#[must_use = "merge it into a router"]
pub struct Health {
    live: String,
    ready: String,
    startup: String,
    health: String,
    details: Option<Details>,
}

impl Health {
    /// Where liveness is asked.
    pub fn live_at(mut self, path: impl Into<String>) -> Self {
        self.live = path.into();
        self
    }

    /// Where readiness is asked; single checks below it.
    pub fn ready_at(mut self, path: impl Into<String>) -> Self {
        self.ready = path.into();
        self
    }

    /// Where it is asked whether the service has started.
    pub fn startup_at(mut self, path: impl Into<String>) -> Self {
        self.startup = path.into();
        self
    }

    /// Where people ask.
    pub fn health_at(mut self, path: impl Into<String>) -> Self {
        self.health = path.into();
        self
    }

    /// Says why a check failed, what is in flight by site, and the plan. For a port that only
    /// operators reach.
    fn with_details(mut self, details: Details) -> Self {
        self.details = Some(details);
        self
    }

    /// The probes as a router of their own.
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let details = self.details;
        let with = |probe: Probe| {
            let details = details.clone();
            get(move |request: Request| answer(probe, request, details))
        };
        Router::new()
            .route(&self.live, with(Probe::Live))
            .route(&self.startup, with(Probe::Startup))
            .route(&self.health, with(Probe::Ready))
            .route(&format!("{}/{{check}}", self.ready), with(Probe::OneCheck))
            .route(&self.ready, with(Probe::Ready))
    }
}

impl<S: Clone + Send + Sync + 'static> From<Health> for Router<S> {
    fn from(health: Health) -> Self {
        health.into_router()
    }
}

#[derive(Clone, Copy)]
enum Probe {
    Live,
    Ready,
    Startup,
    OneCheck,
}

async fn answer(probe: Probe, request: Request, details: Option<Details>) -> Response {
    let asked = Asked::of(&request);
    let verdict = match probe {
        Probe::Live => Verdict::live(details.as_ref()),
        Probe::Startup => Verdict::started(details.as_ref()),
        Probe::Ready => Verdict::ready(&asked, details.as_ref()).await,
        Probe::OneCheck => {
            let name = request.uri().path().rsplit('/').next().unwrap_or_default();
            match Verdict::of_check(&verdict::decoded(name), details.as_ref()).await {
                Some(verdict) => verdict,
                None => return verdict::no_such_check(),
            }
        }
    };
    verdict.into_response(&asked, details.is_some())
}
