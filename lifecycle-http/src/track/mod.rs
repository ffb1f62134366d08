//! The layer: a request is a tracked call, from its head to the end of its answer.

mod body;
mod future;
mod refusal;

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body::Body;
use lifecycle_core::{Admission, SourceLocation};
use tower::{Layer, Service};

use self::{body::Call, refusal::Dialect};
pub use self::{body::TrackedBody, future::ResponseFuture};
use crate::{
    BoxError, Drain, milestone,
    site::{SiteCache, Sites},
};

/// A layer that makes each request a tracked call: in flight until the response body has ended or
/// was dropped, refused once draining.
///
/// The body is polled inside the call, so what a stream calls is admitted in every state. A refused
/// request is answered with 503, `Retry-After` and, over HTTP/1, `Connection: close`; a gRPC call
/// with `UNAVAILABLE`. The health service of gRPC is left alone. Event streams
/// (`text/event-stream`) count under the site `streams` and end when draining begins.
///
/// ```
/// use axum::{Router, routing::get};
///
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(lifecycle_http::track());
/// ```
#[track_caller]
#[must_use]
pub fn track() -> TrackLayer {
    TrackLayer {
        settings: Arc::new(Settings {
            sites: Sites::new(None, SourceLocation::caller()),
            except: None,
            refused: None,
            drain: Drain::Finish,
            ends_event_streams: true,
        }),
    }
}

/// Made by [`track`].
#[derive(Clone)]
pub struct TrackLayer {
    settings: Arc<Settings>,
}

impl TrackLayer {
    /// Puts `name` before the method and route of its sites, to tell two layers apart.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        let sites = self.settings.sites.named(name.into());
        self.set(|settings| settings.sites = sites)
    }

    /// Leaves these requests alone: neither counted nor refused.
    #[must_use]
    pub fn except(self, except: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.except = Some(Arc::new(except)))
    }

    /// Answers a refused request with this instead. Over HTTP/1 it gets its `Connection: close` all
    /// the same, as another request on that connection would be refused as well.
    #[must_use]
    pub fn refused<B: Into<Bytes>>(
        self,
        refused: impl Fn(&Parts) -> Response<B> + Send + Sync + 'static,
    ) -> Self {
        self.set(|settings| {
            settings.refused = Some(Arc::new(move |parts| refused(parts).map(Into::into)));
        })
    }

    /// What the drain does with a request that is under way; [`Drain::Finish`] unless this says
    /// otherwise. A request that is part of another call is never cancelled.
    #[must_use]
    pub fn drain(self, drain: Drain) -> Self {
        self.set(|settings| settings.drain = drain)
    }

    /// Event streams are requests like any other: the drain waits until they end by themselves.
    #[must_use]
    pub fn finish_event_streams(self) -> Self {
        self.set(|settings| settings.ends_event_streams = false)
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for TrackLayer {
    type Service = Track<S>;

    fn layer(&self, inner: S) -> Track<S> {
        Track { inner, settings: Arc::clone(&self.settings), sites: SiteCache::default() }
    }
}

impl fmt::Debug for TrackLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackLayer").field("drain", &self.settings.drain).finish_non_exhaustive()
    }
}

/// The service that [`TrackLayer`] makes.
#[derive(Clone)]
pub struct Track<S> {
    inner: S,
    settings: Arc<Settings>,
    sites: SiteCache,
}

impl<S: fmt::Debug> fmt::Debug for Track<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Track").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Track<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data: From<Bytes>, Error: Into<BoxError>>,
{
    type Response = Response<TrackedBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let settings = &*self.settings;
        let dialect = Dialect::of(&request);
        // It is asked whether the service may be sent work, which is none itself.
        let is_probe = dialect.is_grpc() && request.uri().path().starts_with(GRPC_HEALTH);
        if is_probe {
            return ResponseFuture::untracked(self.inner.call(request));
        }
        let (is_excepted, request) = match &settings.except {
            Some(except) => with_parts(request, |parts| except(parts)),
            None => (false, request),
        };
        if is_excepted {
            return ResponseFuture::untracked(self.inner.call(request));
        }
        let granted = settings.drain.granted().filter(|_| !is_part(&request));
        let site = self.sites.site(&settings.sites, &request, dialect.is_grpc());
        let guard = match site.admit() {
            Ok(guard) => guard,
            Err(refused) => {
                return ResponseFuture::refused(match &settings.refused {
                    Some(answer) => dialect.closing(answer(&request.into_parts().0)),
                    None => dialect.refusal(&refused),
                });
            }
        };
        let future = guard.enter(|| self.inner.call(request));
        let cancelled = granted.map(milestone::draining_for);
        ResponseFuture::admitted(
            guard.scope(future),
            Call::new(guard, cancelled),
            dialect,
            settings.ends_event_streams,
        )
    }
}

fn with_parts<B, R>(request: Request<B>, look: impl FnOnce(&Parts) -> R) -> (R, Request<B>) {
    let (parts, body) = request.into_parts();
    (look(&parts), Request::from_parts(parts, body))
}

/// Whether the request is made by other work, and not only let in by its connection.
fn is_part<B>(request: &Request<B>) -> bool {
    Admission::current().is_some() && request.extensions().get::<crate::serve::Promised>().is_none()
}

const GRPC_HEALTH: &str = "/grpc.health.v1.Health/";

type Except = dyn Fn(&Parts) -> bool + Send + Sync;
type Answer = dyn Fn(&Parts) -> Response<Bytes> + Send + Sync;

#[derive(Clone)]
struct Settings {
    sites: Sites,
    except: Option<Arc<Except>>,
    refused: Option<Arc<Answer>>,
    drain: Drain,
    ends_event_streams: bool,
}
