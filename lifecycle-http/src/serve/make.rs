//! What can be served.

use std::{convert::Infallible, fmt, future::poll_fn, marker::PhantomData};

use axum::{body::Body, extract::connect_info::Connected, serve::Listener};
use http::{Request, Response};
use tower::Service;

/// A connection that was accepted, as a service that is made for each of them sees it: the
/// counterpart of [`axum::serve::IncomingStream`], which only axum can make.
pub struct Incoming<'a, L: Listener> {
    pub(super) io: &'a L::Io,
    pub(super) remote_addr: L::Addr,
}

impl<L: Listener> Incoming<'_, L> {
    /// The connection.
    #[must_use]
    pub const fn io(&self) -> &L::Io {
        self.io
    }

    /// Who is at the other end.
    #[must_use]
    pub const fn remote_addr(&self) -> &L::Addr {
        &self.remote_addr
    }
}

impl<L: Listener<Addr: fmt::Debug>> fmt::Debug for Incoming<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("remote_addr", &self.remote_addr).finish_non_exhaustive()
    }
}

impl<L: Listener<Addr = Self>> Connected<Incoming<'_, L>> for std::net::SocketAddr {
    fn connect_info(incoming: Incoming<'_, L>) -> Self {
        incoming.remote_addr
    }
}

/// What [`serve`](super::serve) takes: a service that connections share (a [`Router`](axum::Router)
/// or any other that is cloned), or one that makes a service for each connection
/// (`into_make_service_with_connect_info`). `K` tells the two apart and is always inferred.
pub trait MakeService<L: Listener, K> {
    /// What answers the requests of a connection.
    type Service;

    /// Completes when another service can be made.
    fn ready(&mut self) -> impl Future<Output = ()> + Send;

    /// The service of a connection.
    fn make(&mut self, incoming: Incoming<'_, L>) -> impl Future<Output = Self::Service> + Send;
}

/// One service for all connections: see [`MakeService`].
#[derive(Debug)]
pub struct Shared(());

impl<L, S, B> MakeService<L, Shared> for S
where
    L: Listener,
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send,
{
    type Service = S;

    fn ready(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    fn make(&mut self, _: Incoming<'_, L>) -> impl Future<Output = S> + Send {
        std::future::ready(self.clone())
    }
}

/// A service for each connection: see [`MakeService`].
#[derive(Debug)]
pub struct PerConnection<S>(PhantomData<S>);

impl<L, M, S> MakeService<L, PerConnection<S>> for M
where
    L: Listener,
    M: for<'a> Service<Incoming<'a, L>, Response = S, Error = Infallible, Future: Send> + Send,
    S: Send,
{
    type Service = S;

    async fn ready(&mut self) {
        let ready = poll_fn(|cx| <M as Service<Incoming<'_, L>>>::poll_ready(self, cx));
        let Ok(()) = ready.await;
    }

    fn make(&mut self, incoming: Incoming<'_, L>) -> impl Future<Output = S> + Send {
        let made = self.call(incoming);
        async {
            let Ok(service) = made.await;
            service
        }
    }
}
