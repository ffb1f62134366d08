//! A client of the admin socket.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use serde_json::Value;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
#[derive(Debug)]
pub struct Client {
    reads: BufReader<UnixStream>,
}

impl Client {
    /// To the socket at `path`.
    ///
    /// # Errors
    ///
    /// Where nobody listens, or may be spoken to.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { reads: BufReader::new(stream) })
    }

    /// Sends a line.
    ///
    /// # Errors
    ///
    /// When the other end is gone.
    pub fn send(&mut self, line: &str) -> io::Result<()> {
        self.reads.get_mut().write_all(format!("{line}\n").as_bytes())
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    ///
    /// When the other end is gone.
    pub fn shut(&self) -> io::Result<()> {
        self.reads.get_ref().shutdown(Shutdown::Write)
    }

    /// The next line that is not empty; `None` at the end.
    ///
    /// # Errors
    ///
    /// When it does not come, and when it is no JSON.
    pub fn next_line(&mut self) -> io::Result<Option<Value>> {
        loop {
            let mut line = String::new();
            match self.reads.read_line(&mut line) {
                Ok(0) => return Ok(None),
                Ok(_) if line.trim().is_empty() => {}
                Ok(_) => return Ok(Some(serde_json::from_str(&line)?)),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a line, and waits for the answer.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn ask(&mut self, line: &str) -> io::Result<Value> {
        self.send(line)?;
        self.next_line()?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// All lines to the end.
    ///
    /// # Errors
    ///
    /// When the end does not come.
    pub fn rest(&mut self) -> io::Result<Vec<Value>> {
        std::iter::from_fn(|| self.next_line().transpose()).collect()
    }
}
