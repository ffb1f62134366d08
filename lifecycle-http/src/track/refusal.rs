//! What a client is told whose request was refused, in the words of its protocol.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_TYPE},
};
use lifecycle_core::{FromRefused, Refused};

/// How a client is to be answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dialect {
    Http1,
    Http2,
    Grpc,
}

impl Dialect {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        if is_grpc(request) {
            Self::Grpc
        } else if request.version() < Version::HTTP_2 {
            Self::Http1
        } else {
            Self::Http2
        }
    }

    pub(super) const fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc)
    }

    /// 503, or gRPC's trailers alone. A request that ran in part is not said to be worth another
    /// try.
    pub(super) fn refusal(self, refused: &Refused) -> Response<Bytes> {
        if matches!(self, Self::Grpc) {
            return grpc(refused.ran());
        }
        let mut response = Response::<Bytes>::from_refused(refused.clone());
        *response.body_mut() = Bytes::from_static(b"the service is shutting down\n");
        self.finish(response)
    }

    /// The same for a request that was cancelled half-way.
    pub(super) fn cancelled(self) -> Response<Bytes> {
        if matches!(self, Self::Grpc) {
            return grpc(true);
        }
        let mut response =
            Response::new(Bytes::from_static(b"cancelled: the service is shutting down\n"));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        self.finish(response)
    }

    /// The application's own answer, which says that the connection ends where that can be said.
    pub(super) fn closing(self, mut response: Response<Bytes>) -> Response<Bytes> {
        if matches!(self, Self::Http1) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn finish(self, mut response: Response<Bytes>) -> Response<Bytes> {
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        // HTTP/2 has no such header: its connections are told by GOAWAY.
        if matches!(self, Self::Http2) {
            headers.remove(CONNECTION);
        }
        response
    }
}

fn is_grpc<B>(request: &Request<B>) -> bool {
    let kind = || request.headers().get(CONTENT_TYPE);
    request.method() == Method::POST
        && kind().is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// `UNAVAILABLE` may be tried again elsewhere, `ABORTED` only by who knows that it is safe.
fn grpc(ran: bool) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let status = if ran { "10" } else { "14" };
    headers.insert("grpc-status", HeaderValue::from_static(status));
    headers.insert("grpc-message", HeaderValue::from_static("the service is shutting down"));
    response
}
