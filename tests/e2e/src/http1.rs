//! HTTP/1 on a raw socket, so that nothing is tried twice behind the test's back.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use crate::tls::Trust;

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// A connection, and what was read past the last answer.
pub struct Connection {
    socket: Box<dyn Socket>,
    buffer: Vec<u8>,
}

/// An answer whose body has come to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Whether it says that the connection ends with it.
    pub closes: bool,
    /// The body.
    pub body: String,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// No connection.
    Refused,
    /// The connection was reset.
    Reset,
    /// It ended before the first byte of an answer.
    EofBefore,
    /// It ended within an answer.
    EofWithin,
    /// An answer that is none to this request.
    Wrong,
    /// 503.
    Unavailable,
    /// A GOAWAY says that this stream was not processed.
    Unprocessed,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`Failure::Refused`].
    pub async fn open(addr: SocketAddr) -> Result<Self, Failure> {
        let socket = TcpStream::connect(addr).await.map_err(|_| Failure::Refused)?;
        let _ = socket.set_nodelay(true);
        Ok(Self { socket: Box::new(socket), buffer: Vec::new() })
    }

    /// Connects and speaks TLS.
    ///
    /// # Errors
    /// [`Failure::Refused`], or what became of the handshake.
    pub async fn open_tls(addr: SocketAddr, trust: &Trust) -> Result<Self, Failure> {
        let socket = TcpStream::connect(addr).await.map_err(|_| Failure::Refused)?;
        let _ = socket.set_nodelay(true);
        Ok(Self { socket: Box::new(trust.connect(socket).await?), buffer: Vec::new() })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// [`Failure::Reset`].
    pub async fn send(&mut self, method: &str, path: &str, body: &str) -> Result<(), Failure> {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: e2e\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        self.socket.write_all(request.as_bytes()).await.map_err(|_| Failure::Reset)
    }

    /// Reads an answer with a length or in chunks.
    ///
    /// # Errors
    /// What became of it.
    pub async fn answer(&mut self) -> Result<Answer, Failure> {
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
                break String::from_utf8_lossy(&head).to_lowercase();
            }
            self.read().await?;
        };
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(Failure::Wrong)?;
        let length = head.split("content-length: ").nth(1);
        let length: Option<usize> = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let body = match length {
            Some(length) => self.take(length).await?,
            None if head.contains("transfer-encoding: chunked") => self.chunks().await?,
            None => Vec::new(),
        };
        let closes = head.contains("connection: close");
        Ok(Answer { status, closes, body: String::from_utf8_lossy(&body).into_owned() })
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(end) = find(&self.buffer, b"\r\n") {
                    break self.buffer.drain(..end + 2).collect::<Vec<u8>>();
                }
                self.read_within().await?;
            };
            let line = String::from_utf8_lossy(&line);
            let size = usize::from_str_radix(line.trim(), 16).map_err(|_| Failure::Wrong)?;
            let chunk = self.take(size + 2).await?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        while self.buffer.len() < length {
            self.read_within().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn read_within(&mut self) -> Result<(), Failure> {
        self.read().await.map_err(|failure| match failure {
            Failure::EofBefore => Failure::EofWithin,
            other => other,
        })
    }

    async fn read(&mut self) -> Result<(), Failure> {
        match self.socket.read_buf(&mut self.buffer).await {
            Ok(0) if self.buffer.is_empty() => Err(Failure::EofBefore),
            Ok(0) => Err(Failure::EofWithin),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(Failure::Reset),
            Err(_) => Err(Failure::EofBefore),
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
