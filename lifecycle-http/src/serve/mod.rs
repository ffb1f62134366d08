//! A server that leads its connections through the stop.

mod connection;
mod drive;
mod handshake;
mod io;
mod kind;
mod make;
mod phase;
mod service;

use std::{
    any::Any,
    fmt,
    io::Result,
    marker::PhantomData,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, serve::Listener};
use http::{Request, Response};
use hyper_util::{
    rt::TokioTimer,
    server::conn::auto::{Builder, Http1Builder, Http2Builder},
};
use lifecycle_core::{
    Milestone, SourceLocation, State,
    ext::{self, as_library},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::Service;

pub use self::drive::Executor;
pub use self::handshake::{Handshake, Handshakes, handshake};
pub use self::make::{Incoming, MakeService, PerConnection, Shared};
pub(crate) use self::service::Promised;
use self::{
    connection::Connection,
    drive::drive,
    kind::{Kind, Sites, counts_connections},
    phase::{Phase, Server},
};
use crate::{BoxError, milestone::reached};

const LINGER: Duration = Duration::from_millis(250);
const SPREAD: Duration = Duration::from_millis(200);
/// What the backlog still has when accepting ends comes at once; who comes later found an open
/// door.
const BACKLOG_GAP: Duration = Duration::from_millis(5);
const BACKLOG_LIMIT: Duration = Duration::from_millis(100);
const STATUS_INTERVAL: Duration = Duration::from_millis(10);

/// Serves HTTP/1 and HTTP/2 until the lifecycle drains, and then to the end of what was begun.
///
/// It takes what [`axum::serve()`] takes, and any other `tower` service of HTTP that is cloned.
/// Made in main and awaited there, it is why main has the drain's time to return; from its making
/// the service is ready, as it is from the first [`draining()`](lifecycle_core::draining).
///
/// From the request of a stop, answers over HTTP/1 say `Connection: close`, and HTTP/2 connections
/// get their GOAWAY. Draining, it accepts for [`linger`](Serve::linger) longer and answers what
/// comes, then closes what is idle; requests under way are finished. It completes when no
/// connection is left, or when the drain's time is up: what is left then is cut, and the report
/// names it by kind, under `connections: ...`.
///
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// use axum::{Router, routing::get};
///
/// let app = Router::new().route("/", get(|| async { "hello" })).layer(lifecycle_http::track());
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
/// lifecycle_http::serve(listener, app).await
/// # }
/// ```
///
/// # Errors
/// None today: errors of `accept` are the listener's to wait out.
///
/// # Cancel safety
/// Dropped, it closes the listener and cuts all connections, upgraded ones as well.
#[track_caller]
pub fn serve<L, M, K>(listener: L, make_service: M) -> Serve<L, M, K>
where
    L: Listener,
    M: MakeService<L, K>,
{
    let inherited = outlives(&listener);
    let cut = CancellationToken::new();
    let mut http = Builder::new(Executor::until(cut.clone()));
    http.http1().timer(TokioTimer::new()).header_read_timeout(None);
    http.http2().timer(TokioTimer::new()).enable_connect_protocol();
    Serve {
        listener,
        make_service,
        draining: lifecycle_core::draining(),
        options: Options {
            http,
            cut,
            sites: Sites::at(SourceLocation::caller()),
            linger: LINGER,
            spread: SPREAD,
            first_request_timeout: None,
            inherited,
            stay_up: false,
        },
        kind: PhantomData,
    }
}

/// Whether the socket is known to be held by somebody else too, whatever is wrapped around it.
fn outlives<L: Listener>(listener: &L) -> bool {
    let Ok(addr) = listener.local_addr() else { return false };
    let addr: &dyn Any = &addr;
    if let Some(addr) = addr.downcast_ref::<SocketAddr>() {
        return ext::outlives(&addr.to_string());
    }
    #[cfg(unix)]
    if let Some(addr) = addr.downcast_ref::<tokio::net::unix::SocketAddr>() {
        let path = addr.as_pathname().map(|path| path.display().to_string());
        return path.is_some_and(|path| ext::outlives(&path));
    }
    false
}

/// Made by [`serve`]; await it.
#[must_use = "it serves only when it is awaited"]
pub struct Serve<L, M, K> {
    listener: L,
    make_service: M,
    draining: Milestone,
    options: Options,
    kind: PhantomData<fn() -> K>,
}

#[derive(Clone)]
struct Options {
    http: Builder<Executor>,
    cut: CancellationToken,
    sites: Sites,
    linger: Duration,
    spread: Duration,
    first_request_timeout: Option<Duration>,
    inherited: bool,
    stay_up: bool,
}

impl<L: Listener, M, K> Serve<L, M, K> {
    /// How long idle connections stay open, and new ones are accepted, after draining began: 250 ms
    /// unless this says otherwise. What reaches the kernel until then is answered.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.options.linger = linger;
        self
    }

    /// Over how much of the shutdown delay the GOAWAYs of HTTP/2 connections are spread: 200 ms
    /// unless this says otherwise. Longer than the delay, the rest of them comes when draining
    /// begins.
    pub const fn spread(mut self, spread: Duration) -> Self {
        self.options.spread = spread;
        self
    }

    /// The listening socket outlives this process: systemd holds it, or the next process has it
    /// already. `lifecycle::listener` says so by itself. The backlog is left to whoever comes next from the moment draining begins.
    pub const fn inherited(mut self) -> Self {
        self.options.inherited = true;
        self
    }

    /// Accepts until nothing is in flight any more, so that status can be read while the service
    /// drains; work is refused by [`track`](crate::track).
    pub const fn stay_up(mut self) -> Self {
        self.options.stay_up = true;
        self
    }

    /// Closes a connection whose first request has not come after so long. Never, unless this says
    /// so.
    pub const fn first_request_timeout(mut self, timeout: Duration) -> Self {
        self.options.first_request_timeout = Some(timeout);
        self
    }

    /// Closes an HTTP/1 connection whose request head has not come after so long; it counts from
    /// the end of the answer before, so an idle connection goes as well. Never, unless this says
    /// so.
    pub fn header_read_timeout(self, timeout: Duration) -> Self {
        self.http1(|http1| {
            http1.header_read_timeout(timeout);
        })
    }

    /// Sets what hyper can be told of HTTP/1.
    pub fn http1(mut self, set: impl FnOnce(&mut Http1Builder<'_, Executor>)) -> Self {
        set(&mut self.options.http.http1());
        self
    }

    /// Sets what hyper can be told of HTTP/2.
    pub fn http2(mut self, set: impl FnOnce(&mut Http2Builder<'_, Executor>)) -> Self {
        set(&mut self.options.http.http2());
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Those of the listener.
    pub fn local_addr(&self) -> Result<L::Addr> {
        self.listener.local_addr()
    }
}

impl<L: Listener, M, K> fmt::Debug for Serve<L, M, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("linger", &self.options.linger).finish_non_exhaustive()
    }
}

impl<L, M, K, S, B> IntoFuture for Serve<L, M, K>
where
    L: Listener,
    M: MakeService<L, K, Service = S> + Send + 'static,
    K: 'static,
    S: Service<Request<Body>, Response = Response<B>, Future: Send, Error: Into<BoxError>>
        + Clone
        + Send
        + 'static,
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<()>;
    type IntoFuture = ServeFuture;

    fn into_future(self) -> ServeFuture {
        ServeFuture(Box::pin(self.run()))
    }
}

/// The future of [`Serve`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ServeFuture(Pin<Box<dyn Future<Output = Result<()>> + Send>>);

impl Future for ServeFuture {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ServeFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeFuture").finish_non_exhaustive()
    }
}

impl<L, M, K, S, B> Serve<L, M, K>
where
    L: Listener,
    M: MakeService<L, K, Service = S> + Send + 'static,
    S: Service<Request<Body>, Response = Response<B>, Future: Send, Error: Into<BoxError>>
        + Clone
        + Send
        + 'static,
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    async fn run(self) -> Result<()> {
        let Self { mut listener, make_service, mut draining, options, .. } = self;
        let server = Arc::new(Server::new(options.cut.clone(), options.sites));
        // Also when this future is dropped: tasks end with the set, upgraded connections and
        // streams with this.
        let _cut = server.cut.clone().drop_guard();
        let (linger, inherited, stay_up) = (options.linger, options.inherited, options.stay_up);
        let mut connections = Connections {
            make_service,
            server: Arc::clone(&server),
            options: Arc::new(options),
            tasks: JoinSet::new(),
            kind: PhantomData,
        };

        let mut requested = as_library(lifecycle_core::requested);
        loop {
            tokio::select! {
                biased;
                () = &mut draining => break,
                () = &mut requested, if !server.is_stopping() => server.enter(Phase::Delaying),
                Some(_) = connections.tasks.join_next() => {}
                (io, addr) = listener.accept() => connections.begin(io, addr).await,
            }
        }
        server.enter(Phase::Draining);
        let until = Instant::now() + linger;
        let mut stopping = std::pin::pin!(reached(State::Stopping));
        let mut listener = (!inherited).then_some(listener);
        loop {
            let accept = async {
                match &mut listener {
                    Some(listener) => listener.accept().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = &mut stopping => return Ok(()),
                () = linger_ends(until, stay_up) => break,
                Some(_) = connections.tasks.join_next() => {}
                (io, addr) = accept => connections.begin(io, addr).await,
            }
        }
        if let Some(listener) = &mut listener {
            let limit = Instant::now() + BACKLOG_LIMIT;
            while Instant::now() < limit
                && let Ok((io, addr)) = timeout(BACKLOG_GAP, listener.accept()).await
            {
                connections.begin(io, addr).await;
            }
        }
        drop(listener);
        server.enter(Phase::Closing);
        loop {
            tokio::select! {
                biased;
                () = &mut stopping => return Ok(()),
                left = connections.tasks.join_next() => {
                    if left.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// The linger is over; or, for a server that stays up, nothing is in flight but connections.
async fn linger_ends(until: Instant, stay_up: bool) {
    sleep_until(until).await;
    let is_work =
        |site: &lifecycle_core::SiteStatus| !counts_connections(site.name(), site.location());
    while stay_up && as_library(lifecycle_core::status).sites().iter().any(is_work) {
        tokio::time::sleep(STATUS_INTERVAL).await;
    }
}

struct Connections<L, M, K> {
    make_service: M,
    server: Arc<Server>,
    options: Arc<Options>,
    tasks: JoinSet<()>,
    kind: PhantomData<fn() -> (L, K)>,
}

impl<L, M, K, S, B> Connections<L, M, K>
where
    L: Listener,
    M: MakeService<L, K, Service = S>,
    S: Service<Request<Body>, Response = Response<B>, Future: Send, Error: Into<BoxError>>
        + Clone
        + Send
        + 'static,
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    async fn begin(&mut self, io: L::Io, remote_addr: L::Addr) {
        self.make_service.ready().await;
        let service = self.make_service.make(Incoming { io: &io, remote_addr }).await;
        // Its first request may come when draining has begun: it found us open and is answered.
        // Once draining, a socket of our own only empties its backlog, where 503 is an answer.
        let found_us_open =
            as_library(lifecycle_core::state) == State::Delaying || self.options.inherited;
        let promise = if self.server.is_stopping() && found_us_open {
            self.server.sites.admit(Kind::New)
        } else {
            None
        };
        let connection = Connection::new(Arc::clone(&self.server), promise);
        self.tasks.spawn(drive(io, service, connection, Arc::clone(&self.options)));
    }
}
