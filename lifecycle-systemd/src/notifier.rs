//! The thread that tells the service manager how the service is. It sleeps while there is nothing
//! to say, and holds up nobody: a manager that does not read is told later, or not.

use std::{
    collections::VecDeque,
    env,
    io::ErrorKind,
    process,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    thread,
    time::{Duration, Instant},
};

use lifecycle_core::{
    Event, Report, State, Status,
    ext::{self, Handle, Observer},
};
use tracing::warn;

use crate::{
    heartbeat::Heartbeat,
    manager::{self, Manager},
    status, watchdog,
};

/// How often the status is told while something changes.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// When what could not be sent is tried again.
const RETRY: Duration = Duration::from_millis(20);
/// How long a start under a hold may go on after each word, and how often that is said.
const START: Duration = Duration::from_secs(15);
const START_EVERY: Duration = Duration::from_secs(1);
/// How long the report waits for what is to be sent before it.
const LAST_WORD: Duration = Duration::from_millis(150);

/// Begins with `run`.
pub(crate) fn begin() {
    let manager = match manager::manager() {
        None => return,
        Some(Ok(manager)) => manager,
        Some(Err(unusable)) => return warn!(target: "lifecycle", "{unusable}"),
    };
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let (words, inbox) = channel();
    let notifier = Notifier {
        manager,
        handle: Handle::current(),
        heartbeat: Heartbeat::new(runtime),
        unsent: VecDeque::new(),
        said: String::new(),
        state: State::Starting,
        look_at: None,
        watchdog: watchdog::interval(process::id(), |name| env::var(name).ok())
            .map(|every| Rhythm { every, next: Instant::now() }),
        start: Rhythm { every: START_EVERY, next: Instant::now() },
    };
    let named = thread::Builder::new().name("lifecycle-notify".to_owned());
    if let Err(error) = named.spawn(move || notifier.serve(&inbox)) {
        return warn!(target: "lifecycle", "the service manager is told nothing: no thread: {error}");
    }
    ext::observe(Teller { words });
}

enum Word {
    State(State),
    Look,
    /// The last one; it is answered.
    End(SyncSender<()>),
}

/// Hands on what happens.
struct Teller {
    words: Sender<Word>,
}

impl Observer for Teller {
    fn state(&mut self, state: State) {
        let _ = self.words.send(Word::State(state));
    }

    fn event(&mut self, event: &Event) {
        if matches!(event, Event::HookStarted { .. } | Event::HookEnded { .. }) {
            let _ = self.words.send(Word::Look);
        }
    }

    fn interval(&self) -> Option<Duration> {
        Some(STATUS_EVERY)
    }

    fn status(&mut self, _: &Status) {
        let _ = self.words.send(Word::Look);
    }

    fn report(&mut self, _: &Report) {
        let (done, is_done) = sync_channel(1);
        if self.words.send(Word::End(done)).is_ok() {
            let _ = is_done.recv_timeout(LAST_WORD);
        }
    }
}

/// What is done again and again.
struct Rhythm {
    every: Duration,
    next: Instant,
}

impl Rhythm {
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.next <= now;
        if is_due {
            self.next = now + self.every;
        }
        is_due
    }
}

struct Notifier {
    manager: &'static Manager,
    handle: Handle,
    heartbeat: Heartbeat,
    /// What has to be sent in any case, in order.
    unsent: VecDeque<&'static str>,
    /// The last status that was sent.
    said: String,
    state: State,
    /// When the status is told again though nothing happens.
    look_at: Option<Instant>,
    watchdog: Option<Rhythm>,
    start: Rhythm,
}

impl Notifier {
    fn serve(mut self, inbox: &Receiver<Word>) {
        loop {
            let mut ended = None;
            match self.next_word(inbox) {
                Ok(Word::State(state)) => self.entered(state),
                Ok(Word::Look) => self.look_at = Some(Instant::now()),
                Ok(Word::End(done)) => {
                    self.look_at = Some(Instant::now());
                    ended = Some(done);
                }
                Err(RecvTimeoutError::Timeout) => {}
                // `run` has returned, to somebody who may live on.
                Err(RecvTimeoutError::Disconnected) => match self.next_due() {
                    Some(due) => thread::sleep(due.saturating_duration_since(Instant::now())),
                    None => return,
                },
            }
            self.send_unsent();
            self.tell_status();
            self.keep_starting();
            self.feed();
            drop(ended);
        }
    }

    fn next_word(&self, inbox: &Receiver<Word>) -> Result<Word, RecvTimeoutError> {
        match self.next_due() {
            Some(due) => inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// When there is something to do though nothing happens.
    fn next_due(&self) -> Option<Instant> {
        let starting = (self.state == State::Starting).then_some(self.start.next);
        let watchdog = self.watchdog.as_ref().map(|watchdog| watchdog.next);
        let retry = (!self.unsent.is_empty()).then(|| Instant::now() + RETRY);
        [self.look_at, starting, watchdog, retry].into_iter().flatten().min()
    }

    fn entered(&mut self, state: State) {
        if state == State::Running {
            self.unsent.push_back("READY=1");
        }
        if self.state <= State::Running && state > State::Running {
            self.unsent.push_back("STOPPING=1");
        }
        self.state = state;
        self.look_at = Some(Instant::now());
    }

    fn send_unsent(&mut self) {
        while let Some(message) = self.unsent.front() {
            match self.manager.send(message.as_bytes()) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Nobody is there who could hear it later.
                Ok(()) | Err(_) => self.unsent.pop_front(),
            };
        }
    }

    fn tell_status(&mut self) {
        let now = Instant::now();
        if self.look_at.is_none_or(|due| due > now) {
            return;
        }
        let status = self.handle.status();
        if status.state() < self.state {
            // Observers are told a moment before everybody else.
            self.look_at = Some(now + RETRY);
            return;
        }
        let line = status::line(&status);
        if line != self.said {
            match self.manager.send(format!("STATUS={line}").as_bytes()) {
                Ok(()) => self.said = line,
                // It may stand for long: it is tried again.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.look_at = Some(now + RETRY);
                    return;
                }
                Err(_) => {}
            }
        }
        // What was in flight has ended by then, perhaps, and nobody says so.
        let goes_on =
            status.in_flight() > 0 || (State::Delaying..State::Stopped).contains(&status.state());
        self.look_at = goes_on.then(|| now + STATUS_EVERY);
    }

    /// A start that somebody holds goes on, for as long as the runtime answers.
    fn keep_starting(&mut self) {
        if self.state != State::Starting || !self.start.is_due(Instant::now()) {
            return;
        }
        // Who holds it may be another by now.
        self.look_at = Some(Instant::now() + RETRY);
        if !self.handle.status().holds().is_empty() && self.heartbeat.beat() {
            manager::extend(START);
        }
    }

    fn feed(&mut self) {
        let Some(watchdog) = &mut self.watchdog else { return };
        if watchdog.is_due(Instant::now()) && (self.heartbeat.beat() || self.is_held_by_a_hook()) {
            let _ = self.manager.send(b"WATCHDOG=1");
        }
    }

    /// A hook that blocks its thread has its timeout for that.
    fn is_held_by_a_hook(&self) -> bool {
        let status = self.handle.status();
        status.hooks().time_left().is_some_and(|left| !left.is_zero())
    }
}
