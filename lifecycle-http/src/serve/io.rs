//! A socket that writes down what is done with it, and that can be cut while an application has it.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::connection::Connection;

#[derive(Debug)]
pub(super) struct Io<T> {
    socket: T,
    connection: Arc<Connection>,
    // Two, because an application may read and write in different tasks.
    cut_read: Cut,
    cut_write: Cut,
}

type Cut = Option<Pin<Box<WaitForCancellationFutureOwned>>>;

impl<T> Io<T> {
    pub(super) const fn new(socket: T, connection: Arc<Connection>) -> Self {
        Self { socket, connection, cut_read: None, cut_write: None }
    }
}

/// An upgraded connection belongs to a task of the application, which would outlive the server.
fn poll_cut(cut: &mut Cut, connection: &Connection, cx: &mut Context<'_>) -> io::Result<()> {
    if !connection.is_upgraded() {
        return Ok(());
    }
    let cut = cut.get_or_insert_with(|| Box::pin(connection.server.cut.clone().cancelled_owned()));
    match cut.as_mut().poll(cx) {
        Poll::Ready(()) => Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            "the server has stopped, and this connection with it",
        )),
        Poll::Pending => Ok(()),
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        poll_cut(&mut this.cut_read, &this.connection, cx)?;
        let before = buf.filled().len();
        let read = Pin::new(&mut this.socket).poll_read(cx, buf);
        this.connection.bytes_were_read(&buf.filled()[before..]);
        read
    }
}

impl<T: AsyncWrite + Unpin> Io<T> {
    fn write<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        let this = self.get_mut();
        poll_cut(&mut this.cut_write, &this.connection, cx)?;
        let written = write(Pin::new(&mut this.socket), cx);
        this.connection.write_is_pending(written.is_pending());
        written
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Io<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |socket, cx| socket.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |socket, cx| socket.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, |socket, cx| socket.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, |socket, cx| socket.poll_shutdown(cx))
    }
}

impl<T> Drop for Io<T> {
    fn drop(&mut self) {
        self.connection.socket_is_gone();
    }
}
