//! The thread. It waits for clients and for what happens, in one place, and for nothing else: it
//! uses no runtime, no lock that a client's code could hold, and writes no log, as a subscriber may
//! block.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, Read},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use lifecycle_core::{Event, Report, State, ext::Handle};
#[cfg(target_os = "linux")]
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    connection::{Connection, send},
    protocol,
    socket::Socket,
};

const CONNECTIONS: usize = 8;
/// How long clients may take to read the report.
const LAST_READ: Duration = Duration::from_millis(100);
/// Where there are no descriptors left, nobody is accepted for so long.
const PAUSE: Duration = Duration::from_millis(100);

/// What the thread is told.
pub(crate) enum Word {
    State(State),
    Event(Event),
    Dropped(usize),
    /// No client is accepted any more.
    Close,
    /// The last word to all who follow.
    Report(Box<Report>),
    /// There is no last word.
    End,
}

/// Where the thread is told.
pub(crate) struct Mailbox {
    inner: Mutex<Inner>,
    changed: Condvar,
    waker: UnixStream,
}

#[derive(Default)]
struct Inner {
    words: VecDeque<Word>,
    is_over: bool,
}

impl Mailbox {
    pub(crate) fn push(&self, word: Word) {
        let mut inner = self.lock();
        if inner.is_over {
            return;
        }
        inner.words.push_back(word);
        // Under the lock, as the other end is there until it is over. Where it is full, the thread
        // will look.
        let _ = send(&self.waker, &[1]);
    }

    /// Until the thread has ended, or for so long.
    pub(crate) fn wait_until_over(&self, timeout: Duration) {
        let goes_on = |inner: &mut Inner| !inner.is_over;
        let waited = self.changed.wait_timeout_while(self.lock(), timeout, goes_on);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn take(&self) -> VecDeque<Word> {
        std::mem::take(&mut self.lock().words)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}

pub(crate) struct Server {
    listener: Option<UnixListener>,
    socket: Arc<Socket>,
    connections: Vec<Connection>,
    woken: UnixStream,
    mailbox: Arc<Mailbox>,
    lifecycle: Handle,
    /// Not before this is anybody accepted.
    accepts_from: Option<Instant>,
    /// The report is said: the end, at the latest.
    ends: Option<Instant>,
}

impl Server {
    /// Starts the thread.
    pub(crate) fn start(
        listener: OwnedFd,
        socket: Arc<Socket>,
        lifecycle: Handle,
    ) -> io::Result<Arc<Mailbox>> {
        let (waker, woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (inner, changed) = Default::default();
        let mailbox = Arc::new(Mailbox { inner, changed, waker });
        let server = Self {
            listener: Some(listener.into()),
            socket,
            connections: Vec::new(),
            woken,
            mailbox: Arc::clone(&mailbox),
            lifecycle,
            accepts_from: None,
            ends: None,
        };
        thread::Builder::new().name("lifecycle-admin".to_owned()).spawn(move || server.run())?;
        Ok(mailbox)
    }

    fn run(mut self) {
        while self.turn() {}
    }

    /// Waits for something, and does it; `false` at the end.
    fn turn(&mut self) -> bool {
        let Some((is_woken, is_called, found)) = self.wait() else { return true };
        let now = Instant::now();
        let lifecycle = self.lifecycle;
        let mut found = found.into_iter();
        self.connections.retain_mut(|connection| {
            connection.serve(found.next().unwrap_or(PollFlags::empty()), lifecycle, now)
        });
        if is_called {
            self.accept(now);
        }
        if is_woken {
            while matches!((&self.woken).read(&mut [0; 64]), Ok(count) if count > 0) {}
        }
        for word in self.mailbox.take() {
            if matches!(word, Word::End) {
                return false;
            }
            self.hear(word, now);
        }
        match self.ends {
            Some(ends) => now < ends && self.connections.iter().any(Connection::has_unread),
            None => true,
        }
    }

    /// Whether there is a word, whether somebody calls, and what there is of each client. `None`:
    /// it is to be asked again.
    fn wait(&self) -> Option<(bool, bool, Vec<PollFlags>)> {
        let now = Instant::now();
        let accepts_from = self.accepts_from.filter(|from| now < *from);
        let listener = self.listener.as_ref().filter(|_| accepts_from.is_none());
        let mut asked: Vec<_> = self
            .connections
            .iter()
            .map(|connection| PollFd::from_borrowed_fd(connection.fd(), connection.interest()))
            .collect();
        asked.push(PollFd::new(&self.woken, PollFlags::IN));
        asked.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
        let deadlines = self.connections.iter().filter_map(Connection::deadline);
        let next = deadlines.chain(accepts_from).chain(self.ends).min();
        let left = next.map(|next| next.saturating_duration_since(now));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        // No descriptor of ours can be wrong: what is left is a signal, or no memory.
        poll(&mut asked, timeout.as_ref()).ok()?;
        let mut found: Vec<_> = asked.iter().map(PollFd::revents).collect();
        let others = found.split_off(self.connections.len());
        let there_is = |at: usize| others.get(at).is_some_and(|found| !found.is_empty());
        Some((there_is(0), there_is(1), found))
    }

    fn accept(&mut self, now: Instant) {
        let Some(listener) = &self.listener else { return };
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => {
                    self.accepts_from = Some(now + PAUSE);
                    return;
                }
            };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            let admitted = match peer(&stream) {
                Ok(_) if self.connections.len() >= CONNECTIONS => {
                    Err(format!("{CONNECTIONS} clients are connected, which is the most"))
                }
                admitted => admitted,
            };
            match admitted {
                Ok(peer) => self.connections.push(Connection::new(stream, peer, now)),
                Err(why) => {
                    // Whoever does not read it is none the wiser.
                    let _ = send(&stream, protocol::error(&why).as_bytes());
                }
            }
        }
    }

    fn hear(&mut self, word: Word, now: Instant) {
        let line = match word {
            Word::Close => {
                self.listener = None;
                return;
            }
            Word::End => return,
            Word::Report(report) => {
                let line = protocol::report(&report);
                self.connections.retain_mut(|connection| {
                    !connection.follows() || connection.tell_last(&line, now)
                });
                self.ends = Some(now + LAST_READ);
                return;
            }
            // Nobody to tell.
            _ if !self.connections.iter().any(Connection::follows) => return,
            Word::State(state) => {
                let line = protocol::state(state, self.lifecycle.status().time_left());
                self.connections.retain_mut(|connection| {
                    !connection.follows() || connection.tell_state(state, &line, now)
                });
                return;
            }
            Word::Dropped(count) => protocol::dropped(count),
            Word::Event(event) => match protocol::event(&event) {
                Some(line) => line,
                None => return,
            },
        };
        self.connections
            .retain_mut(|connection| !connection.follows() || connection.tell(&line, now));
    }
}

impl Drop for Server {
    /// The file goes at the latest here, where no worker was free to stop the component.
    fn drop(&mut self) {
        let _ = self.socket.remove();
        self.connections.clear();
        self.mailbox.lock().is_over = true;
        self.mailbox.changed.notify_all();
    }
}

/// Who is there, or why nobody is let in. The ids are those of the moment of the connection; whose
/// are not known here read as nobody's.
#[cfg(target_os = "linux")]
fn peer(stream: &UnixStream) -> Result<String, String> {
    let peer = getsockopt(stream, PeerCredentials);
    let peer = peer.map_err(|error| format!("the system does not tell who asks: {error}"))?;
    let (own, uid) = (rustix::process::geteuid().as_raw(), peer.uid());
    if uid == own || uid == 0 {
        // One outside of our namespace has no number here.
        let pid = Some(peer.pid()).filter(|pid| *pid != 0);
        let pid = pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
        return Ok(format!(" (uid {uid}{pid})"));
    }
    Err(format!("uid {uid} may not: this socket serves uid {own} and root"))
}

/// The mode of the socket, and the folder that it is in, are what keeps others out.
#[cfg(not(target_os = "linux"))]
fn peer(_: &UnixStream) -> Result<String, String> {
    Ok(String::new())
}
