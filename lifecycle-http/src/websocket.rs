//! WebSockets of axum: counted as streams, told when draining begins, done with a second later.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Error,
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    response::{IntoResponse, Response},
};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    milestone::{Wait, draining_for},
    site::STREAMS,
};

const GOING_AWAY: u16 = 1001;
/// How long a client has to answer the close, and the handler to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Leads a WebSocket through the stop: `upgrade.tracked().on_upgrade(|socket| ..)`.
pub trait WebSocketExt {
    /// See [`Upgrade`].
    fn tracked(self) -> Upgrade;
}

impl WebSocketExt for WebSocketUpgrade {
    fn tracked(self) -> Upgrade {
        Upgrade { upgrade: self, spread: Duration::ZERO }
    }
}

/// An upgrade whose socket counts under the site `streams`, part of the call that it is made in.
///
/// When draining begins, the client gets a close with code 1001 and [`Socket::recv`] ends once it
/// has answered. A second after the close was due the handler is dropped and the connection with
/// it; that is a clean end.
#[derive(Debug)]
#[must_use = "it does nothing until on_upgrade"]
pub struct Upgrade {
    upgrade: WebSocketUpgrade,
    spread: Duration,
}

impl Upgrade {
    /// Spreads the closes of all sockets over so long, each at a random moment, so that their
    /// clients do not all come back at once. It takes its time out of the drain.
    pub const fn spread(mut self, spread: Duration) -> Self {
        self.spread = spread;
        self
    }

    /// Answers with the upgrade, and runs `handler` once it is done. Refused, as a service that
    /// drains does, it answers 503.
    pub fn on_upgrade<H, Fut>(self, handler: H) -> Response
    where
        H: FnOnce(Socket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let guard = match STREAMS.admit() {
            Ok(guard) => guard,
            Err(refused) => return refused.into_response(),
        };
        let spread = self.spread.mul_f64(fastrand::f64());
        self.upgrade.on_upgrade(move |socket| async move {
            // One that waits for the drain and not two: ten thousand sockets wake at once.
            let told = CancellationToken::new();
            let going = Box::pin(told.clone().cancelled_owned());
            let socket = Socket { socket, state: SocketState::Open(going) };
            let over = async {
                draining_for(spread).await;
                told.cancel();
                sleep(CLOSE_TIMEOUT).await;
            };
            let handler = guard.scope(async move { handler(socket).await });
            tokio::select! {
                () = handler => {}
                () = over => {}
            }
        })
    }
}

/// A [`WebSocket`] that closes itself when draining begins: a stream of messages and a sink.
pub struct Socket {
    socket: WebSocket,
    state: SocketState,
}

enum SocketState {
    Open(Wait),
    /// The close is to be sent.
    Closing,
    /// It was; the client's is awaited.
    Closed,
}

impl Socket {
    /// The next message; `None` when the connection has ended, or the service drains and the client
    /// has been told. Cancel safe.
    pub async fn recv(&mut self) -> Option<Result<Message, Error>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Sends a message. Messages that are under way when draining begins still go out.
    ///
    /// # Errors
    /// The connection has ended, or was closed because the service drains.
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_ready(cx)).await?;
        Pin::new(&mut *self).start_send(message)?;
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_flush(cx)).await
    }

    /// Drives the close as far as it goes. Ready once it was sent.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            match &mut self.state {
                SocketState::Open(draining) => {
                    ready!(draining.as_mut().poll(cx));
                    self.state = SocketState::Closing;
                }
                SocketState::Closing => {
                    ready!(Pin::new(&mut self.socket).poll_ready(cx))?;
                    self.state = SocketState::Closed;
                    let frame =
                        CloseFrame { code: GOING_AWAY, reason: "the service is stopping".into() };
                    Pin::new(&mut self.socket).start_send(Message::Close(Some(frame)))?;
                }
                SocketState::Closed => return Pin::new(&mut self.socket).poll_flush(cx),
            }
        }
    }
}

impl Stream for Socket {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(Err(_)) = self.poll_closed(cx) {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.socket).poll_next(cx)
    }
}

impl Sink<Message> for Socket {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.poll_closed(cx) {
            Poll::Ready(closed) => Poll::Ready(closed.and(Err(Error::new(Closed)))),
            Poll::Pending => Pin::new(&mut self.socket).poll_ready(cx),
        }
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        if !matches!(self.state, SocketState::Open(_)) {
            return Err(Error::new(Closed));
        }
        Pin::new(&mut self.socket).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

/// Nothing is sent any more: the service drains, and the client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed: the service is stopping")
    }
}

impl std::error::Error for Closed {}
