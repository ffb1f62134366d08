//! One client. Nothing of it can hold the thread: what is read is bounded, what it does not read is
//! bounded in length and in time.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use lifecycle_core::{
    State,
    ext::{Handle, LastResort, LastResortHandle},
};
use rustix::event::PollFlags;

use crate::protocol::{self, FORCED_EXIT, Request};

/// The longest line of a client.
const LINE: usize = 4 * 1024;
/// How long a client may take for a request.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may read nothing of what is there for it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// With so much unread, no further request is taken.
const UNREAD: usize = 64 * 1024;
/// With so much unread, a client that follows what happens is let go.
const MOST_UNREAD: usize = 1024 * 1024;

pub(crate) struct Connection {
    stream: UnixStream,
    /// Who it is, to be put behind a text.
    peer: String,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Of a client that follows what happens: the state that it knows.
    follows: Option<State>,
    /// It has asked for the stop: its connection ends when that does.
    awaits_the_end: bool,
    /// Tells who follows that the process was ended by force.
    _last_word: Option<LastResortHandle>,
    /// Nothing more is read: the client has said all, or too much.
    is_deaf: bool,
    /// When it last had an answer, and when it last read of one.
    answered: Instant,
    read: Instant,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream, peer: String, now: Instant) -> Self {
        Self {
            stream,
            peer,
            input: Vec::new(),
            output: Vec::new(),
            follows: None,
            awaits_the_end: false,
            _last_word: None,
            is_deaf: false,
            answered: now,
            read: now,
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub(crate) const fn follows(&self) -> bool {
        self.follows.is_some()
    }

    pub(crate) const fn has_unread(&self) -> bool {
        !self.output.is_empty()
    }

    pub(crate) fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::IN, !self.is_deaf && self.output.len() < UNREAD);
        interest.set(PollFlags::OUT, self.has_unread());
        interest
    }

    /// When its time is up, if nothing happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.has_unread() {
            Some(self.read + WRITE_TIMEOUT)
        } else if self.stays() {
            None
        } else {
            Some(self.answered + READ_TIMEOUT)
        }
    }

    /// Reads, answers and writes what can be; `false` where that was all.
    pub(crate) fn serve(&mut self, found: PollFlags, lifecycle: Handle, now: Instant) -> bool {
        if found.intersects(PollFlags::ERR | PollFlags::NVAL) {
            return false;
        }
        if found.intersects(PollFlags::IN | PollFlags::HUP)
            && !self.is_deaf
            && self.receive().is_err()
        {
            return false;
        }
        self.answer(lifecycle, now);
        if self.flush(now).is_err() {
            return false;
        }
        // What waited for room.
        self.answer(lifecycle, now);
        // Gone for good, and nobody to read the rest.
        let is_gone = found.contains(PollFlags::HUP) && self.is_deaf;
        let is_over = self.is_deaf && !self.stays() && !self.has_unread();
        !is_gone && !is_over && self.deadline().is_none_or(|deadline| now < deadline)
    }

    /// For one that follows; `false` where it has not read for too long.
    pub(crate) fn tell(&mut self, line: &str, now: Instant) -> bool {
        if self.output.len() > MOST_UNREAD {
            return false;
        }
        self.say(line, now);
        self.flush(now).is_ok()
    }

    /// As [`tell`](Self::tell), where the state is news: what the first line said may be told only later.
    pub(crate) fn tell_state(&mut self, state: State, line: &str, now: Instant) -> bool {
        if self.follows >= Some(state) {
            return true;
        }
        self.follows = Some(state);
        self.tell(line, now)
    }

    /// The last word, whatever waits before it.
    pub(crate) fn tell_last(&mut self, line: &str, now: Instant) -> bool {
        self.say(line, now);
        self.is_deaf = true;
        self.flush(now).is_ok()
    }

    const fn stays(&self) -> bool {
        self.follows() || self.awaits_the_end
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut chunk = [0; LINE];
        match self.stream.read(&mut chunk) {
            Ok(0) => {
                self.is_deaf = true;
                // A last line that nothing ends.
                if !self.input.is_empty() {
                    self.input.push(b'\n');
                }
            }
            Ok(count) => self.input.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if is_later(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn answer(&mut self, lifecycle: Handle, now: Instant) {
        while self.output.len() < UNREAD {
            let end = self.input.iter().take(LINE).position(|byte| *byte == b'\n');
            let Some(end) = end else {
                if self.input.len() >= LINE {
                    self.input = Vec::new();
                    self.is_deaf = true;
                    (self.follows, self.awaits_the_end) = (None, false);
                    let why = format!("a line has at most {LINE} bytes");
                    self.say(&protocol::error(&why), now);
                }
                return;
            };
            let line: Vec<u8> = self.input.drain(..=end).collect();
            if line.trim_ascii().is_empty() {
                continue;
            }
            let answer = match Request::read(&line) {
                Ok(request) => self.answer_to(request, lifecycle),
                Err(why) => protocol::error(&why),
            };
            self.answered = now;
            self.say(&answer, now);
        }
    }

    fn answer_to(&mut self, request: Request, lifecycle: Handle) -> String {
        match request {
            Request::Status {} => protocol::status(lifecycle),
            Request::Plan {} => protocol::plan(lifecycle),
            Request::InFlight {} => protocol::in_flight(lifecycle),
            Request::Shutdown { reason, failure } => {
                self.awaits_the_end = true;
                protocol::shutdown(lifecycle, reason, failure, &self.peer)
            }
            Request::Events {} => {
                let status = lifecycle.status();
                self.follow(status.state());
                protocol::follows(&status)
            }
        }
    }

    fn follow(&mut self, state: State) {
        if self.follows.replace(state).is_some() {
            return;
        }
        let bytes = FORCED_EXIT.to_vec();
        let word = self.stream.as_fd().try_clone_to_owned();
        let word = word.ok().map(|fd| LastResort::Write { fd, bytes }.register());
        self._last_word = word.and_then(Result::ok);
    }

    fn say(&mut self, line: &str, now: Instant) {
        if self.output.is_empty() {
            self.read = now;
        }
        self.output.extend_from_slice(line.as_bytes());
    }

    fn flush(&mut self, now: Instant) -> io::Result<()> {
        while !self.output.is_empty() {
            match send(&self.stream, &self.output) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.output.drain(..count);
                    self.read = now;
                }
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Writes what can be. Who has gone is an error and no signal, whatever became of SIGPIPE.
pub(crate) fn send(stream: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    let sent = rustix::net::send(stream, bytes, rustix::net::SendFlags::NOSIGNAL)?;
    #[cfg(not(target_os = "linux"))]
    let sent = std::io::Write::write(&mut &*stream, bytes)?;
    Ok(sent)
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
