//! A connection to an admin socket. docs/admin.md has the protocol.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, value::RawValue};

use crate::Trouble;

/// A service answers while everything in it is blocked.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Client {
    reads: BufReader<UnixStream>,
    path: String,
    /// Of a line that has not come to its end.
    line: Vec<u8>,
}

/// What was there when it was looked.
pub(crate) enum Heard {
    Line(String),
    /// Not yet.
    Nothing,
    End,
}

impl Client {
    pub(crate) fn connect(path: &Path) -> Result<Self, Trouble> {
        let shown = path.display().to_string();
        let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => Trouble::said(format!(
                "{shown}: nobody answers there: the service is gone, and was killed"
            )),
            io::ErrorKind::NotFound => Trouble::said(format!(
                "{shown}: there is no socket: no service runs with Config::admin there"
            )),
            io::ErrorKind::PermissionDenied => Trouble::said(format!(
                "{shown}: this user may not: the socket serves the user of the service and root"
            )),
            _ => Trouble::of(&shown)(error),
        })?;
        stream.set_write_timeout(Some(TIMEOUT)).map_err(Trouble::of(&shown))?;
        Ok(Self { reads: BufReader::new(stream), path: shown, line: Vec::new() })
    }

    pub(crate) fn send(&mut self, request: &Value) -> Result<(), Trouble> {
        let sent = self.reads.get_mut().write_all(format!("{request}\n").as_bytes());
        sent.map_err(Trouble::of(&self.path))
    }

    /// The answer to `request`, where it is not an error: the text of the member `name`.
    pub(crate) fn ask(&mut self, request: &Value, name: &str) -> Result<String, Trouble> {
        self.send(request)?;
        match self.hear(Instant::now() + TIMEOUT)? {
            Heard::Line(line) => member(&line, name),
            Heard::Nothing => {
                Err(Trouble::said(format!("{}: no answer within {TIMEOUT:?}", self.path)))
            }
            Heard::End => {
                Err(Trouble::said(format!("{}: the connection ended: it has stopped", self.path)))
            }
        }
    }

    /// The next line, if it comes until then.
    pub(crate) fn hear(&mut self, until: Instant) -> Result<Heard, Trouble> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let left = left.max(Duration::from_millis(1));
            let set = self.reads.get_ref().set_read_timeout(Some(left));
            set.map_err(Trouble::of(&self.path))?;
            match self.reads.read_until(b'\n', &mut self.line) {
                Ok(0) => return Ok(Heard::End),
                Ok(_) if self.line.trim_ascii().is_empty() => self.line.clear(),
                Ok(_) => {
                    let line = std::mem::take(&mut self.line);
                    return Ok(Heard::Line(String::from_utf8_lossy(&line).into_owned()));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                        return Ok(Heard::Nothing);
                    }
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::ConnectionReset => return Ok(Heard::End),
                    _ => return Err(Trouble::of(&self.path)(error)),
                },
            }
        }
    }
}

/// The text of a member of `line`, digit by digit; or what the service says is wrong.
pub(crate) fn member(line: &str, name: &str) -> Result<String, Trouble> {
    let members = serde_json::from_str::<std::collections::HashMap<String, Box<RawValue>>>(line);
    let members = members.map_err(|error| {
        Trouble::said(format!("the answer is none of an admin socket: {error}"))
    })?;
    if let Some(found) = members.get(name) {
        return Ok(found.get().to_owned());
    }
    let error = members.get("error").and_then(|why| serde_json::from_str::<String>(why.get()).ok());
    Err(Trouble::said(error.unwrap_or_else(|| format!("the answer has no `{name}`"))))
}
