//! Connections that shake hands when they are first read, and not while they are accepted.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A listener whose connections shake hands first, as those of TLS do: `shake` makes of an accepted
/// connection a future of the connection that is spoken over.
///
/// It is driven by the connection's own task, so a client that never finishes holds up nobody, and
/// is closed with those that have sent nothing.
///
/// ```
/// # async fn run<F, T>(
/// #     listener: tokio::net::TcpListener,
/// #     app: axum::Router,
/// #     accept: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
/// # ) -> std::io::Result<()>
/// # where
/// #     F: Future<Output = std::io::Result<T>> + Send + 'static,
/// #     T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
/// # {
/// // With tokio-rustls: `|socket| acceptor.accept(socket)`.
/// let listener = lifecycle_http::handshake(listener, move |socket| accept(socket));
/// lifecycle_http::serve(listener, app).await
/// # }
/// ```
pub fn handshake<L, H, F, T>(listener: L, shake: H) -> Handshakes<L, H>
where
    L: Listener,
    H: FnMut(L::Io) -> F + Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Handshakes { listener, shake }
}

/// Made by [`handshake`].
pub struct Handshakes<L, H> {
    listener: L,
    shake: H,
}

impl<L, H, F, T> Listener for Handshakes<L, H>
where
    L: Listener,
    H: FnMut(L::Io) -> F + Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Io = Handshake<T>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Handshake<T>, L::Addr) {
        let (io, addr) = self.listener.accept().await;
        (Handshake { state: State::Shaking(Box::pin((self.shake)(io))) }, addr)
    }

    fn local_addr(&self) -> io::Result<L::Addr> {
        self.listener.local_addr()
    }
}

impl<L: fmt::Debug, H> fmt::Debug for Handshakes<L, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshakes").field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// A connection of [`Handshakes`].
pub struct Handshake<T> {
    state: State<T>,
}

enum State<T> {
    Shaking(Pin<Box<dyn Future<Output = io::Result<T>> + Send>>),
    Open(T),
    Failed,
}

impl<T> Handshake<T> {
    /// The connection behind the handshake; `None` before it is done.
    pub const fn get_ref(&self) -> Option<&T> {
        match &self.state {
            State::Open(io) => Some(io),
            State::Shaking(_) | State::Failed => None,
        }
    }
}

impl<T: Unpin> Handshake<T> {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut T>>> {
        if let State::Shaking(shaking) = &mut self.state {
            match ready!(shaking.as_mut().poll(cx)) {
                Ok(io) => self.state = State::Open(io),
                Err(error) => {
                    self.state = State::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        match &mut self.state {
            State::Open(io) => Poll::Ready(Ok(Pin::new(io))),
            State::Shaking(_) | State::Failed => {
                Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Handshake<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.get_mut().poll_open(cx))?.poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Handshake<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().poll_open(cx))?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().poll_open(cx))?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.get_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    // Nothing was written before the handshake is done, so there is nothing to flush or to end.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().state {
            State::Open(io) => Pin::new(io).poll_flush(cx),
            State::Shaking(_) | State::Failed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().state {
            State::Open(io) => Pin::new(io).poll_shutdown(cx),
            State::Shaking(_) | State::Failed => Poll::Ready(Ok(())),
        }
    }
}

impl<T> fmt::Debug for Handshake<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("is_done", &self.get_ref().is_some()).finish()
    }
}
