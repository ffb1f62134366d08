//! The requests of one connection on their way to the application.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header::CONNECTION};
use hyper::body::Incoming;
use lifecycle_core::Scoped;
use pin_project_lite::pin_project;
use tower::{Service, ServiceExt, util::Oneshot};

use super::connection::{self, Connection, RequestBody, ResponseBody};

/// Marks a request that runs in an admission of its connection's: it is part of no other work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promised;

pub(super) struct Requests<S> {
    pub(super) service: S,
    pub(super) connection: Arc<Connection>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Requests<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = Answer<S>;

    fn call(&self, request: Request<Incoming>) -> Answer<S> {
        let under_way = self.connection.request_began();
        let asks_for_tunnel = request.method() == Method::CONNECT;
        let version = request.version();
        let connection = Arc::clone(&self.connection);
        let mut request = request.map(|body| Body::new(RequestBody { body, connection }));
        let has_promised = self.connection.has_promised();
        if has_promised {
            request.extensions_mut().insert(Promised);
        }
        let future = self.service.clone().oneshot(request);
        let is_http2 = version >= Version::HTTP_2;
        let kept =
            if has_promised { self.connection.keep_promise(is_http2, future) } else { Err(future) };
        let future = match kept {
            Ok(future) => Inner::Promised { future },
            Err(future) => Inner::Plain { future },
        };
        Answer {
            future,
            under_way: Some(under_way),
            connection: Arc::clone(&self.connection),
            asks_for_tunnel,
            version,
        }
    }
}

pin_project! {
    pub(super) struct Answer<S>
    where
        S: Service<Request<Body>>,
    {
        #[pin]
        future: Inner<S>,
        under_way: Option<connection::Request>,
        connection: Arc<Connection>,
        asks_for_tunnel: bool,
        version: Version,
    }
}

pin_project! {
    #[project = FutureProj]
    enum Inner<S>
    where
        S: Service<Request<Body>>,
    {
        Plain { #[pin] future: Oneshot<S, Request<Body>> },
        Promised { #[pin] future: Scoped<Oneshot<S, Request<Body>>> },
    }
}

impl<S, B> Future for Answer<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
{
    type Output = Result<Response<ResponseBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(match this.future.project() {
            FutureProj::Plain { future } => future.poll(cx),
            FutureProj::Promised { future } => future.poll(cx),
        })?;
        let is_http1 = *this.version < Version::HTTP_2;
        let status = response.status();
        let upgrades = status == StatusCode::SWITCHING_PROTOCOLS
            || (*this.asks_for_tunnel && status.is_success());
        if upgrades {
            if is_http1 {
                this.connection.is_upgrading();
            } else {
                this.connection.has_a_tunnel();
            }
        } else if is_http1 && this.connection.server.is_stopping() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let request = this.under_way.take();
        Poll::Ready(Ok(response.map(|body| ResponseBody { body, request })))
    }
}
