use std::{
    cell::Cell,
    fs::File,
    io::Write,
    process::Child as Process,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, kill_process};

use crate::{Ending, Exit, Signal, Stream, ending::KILLED, output::Output};

/// How long a line or an end may be waited for, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(30);
/// Signals within 500 ms are one.
const MERGED: Duration = Duration::from_millis(550);
const POLL: Duration = Duration::from_millis(1);

/// A service that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Child {
    process: Process,
    what: String,
    started: Instant,
    output: Output,
    terminal: Option<File>,
    signals: Vec<(Signal, Instant)>,
    /// When the last awaited line was there.
    heard: Cell<Option<Instant>>,
}

impl Child {
    pub(crate) fn new(
        mut process: Process,
        terminal: Option<File>,
        what: String,
        started: Instant,
    ) -> Self {
        let output = Output::default();
        if let Some(stdout) = process.stdout.take() {
            output.follow(Stream::Stdout, stdout, started);
        }
        if let Some(stderr) = process.stderr.take() {
            output.follow(Stream::Stderr, stderr, started);
        }
        if let Some(shown) = terminal.as_ref().and_then(|terminal| terminal.try_clone().ok()) {
            output.follow(Stream::Stderr, shown, started);
        }
        Self {
            process,
            what,
            started,
            output,
            terminal,
            signals: Vec::new(),
            heard: Cell::new(None),
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits for a line that contains `text`, and gives all of it. A line that has come already
    /// counts.
    ///
    /// # Panics
    ///
    /// When the line does not come.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_for_nth(text, 1)
    }

    /// Waits until `count` lines contain `text`.
    ///
    /// # Panics
    ///
    /// When they do not come.
    #[track_caller]
    pub fn wait_for_nth(&self, text: &str, count: usize) -> String {
        match self.output.wait_for(text, count, PATIENCE) {
            Some(line) => {
                self.heard.set(Some(Instant::now()));
                line.text
            }
            None => panic!("{} never said {text:?} ({count}): {}", self.what, self.output),
        }
    }

    /// Writes a line to its standard input.
    ///
    /// # Panics
    ///
    /// When it does not read any more.
    #[track_caller]
    pub fn tell(&mut self, word: &str) {
        let told = self.process.stdin.as_mut().map(|stdin| writeln!(stdin, "{word}"));
        if !matches!(told, Some(Ok(()))) {
            panic!("{} does not read: {told:?}; {}", self.what, self.output);
        }
    }

    /// Presses a key on its terminal: `3` is Ctrl-C.
    ///
    /// # Panics
    ///
    /// When it has none.
    #[track_caller]
    pub fn press(&mut self, control: u8) {
        let pressed = self.terminal.as_mut().map(|terminal| terminal.write_all(&[control]));
        assert!(matches!(pressed, Some(Ok(()))), "{} has no terminal: {pressed:?}", self.what);
    }

    /// Sends it a signal. One that has ended and was not waited for takes it without effect, so
    /// this cannot hit another process.
    ///
    /// # Panics
    ///
    /// When the system refuses.
    pub fn signal(&mut self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        self.signals.push((signal, Instant::now()));
        let sent = pid.map(|pid| kill_process(pid, signal));
        assert!(matches!(sent, Some(Ok(()))), "{}: cannot send {signal:?}: {sent:?}", self.what);
    }

    /// Sends it a signal that does not count as one with the last: wait first for what that one
    /// did.
    pub fn next_signal(&mut self, signal: Signal) {
        let sent = self.signals.last().map(|(_, at)| *at);
        if let Some(last) = sent.max(self.heard.get()) {
            thread::sleep((last + MERGED).saturating_duration_since(Instant::now()));
        }
        self.signal(signal);
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not end within 30 s.
    #[must_use]
    #[track_caller]
    pub fn end(mut self) -> Ending {
        match self.wait_until(Instant::now() + PATIENCE) {
            Some(exit) => self.ending(exit),
            None => panic!("{} does not end; {}", self.what, self.output),
        }
    }

    /// Waits for its end as the platform does: `grace` after the first signal (or from now, when
    /// there was none) it is killed, which counts as the failure 137.
    #[must_use]
    pub fn end_within(mut self, grace: Duration) -> Ending {
        let from = self.signals.first().map_or_else(Instant::now, |(_, at)| *at);
        let exit = self.wait_until(from + grace).unwrap_or_else(|| {
            self.kill();
            Exit::Code(KILLED)
        });
        self.ending(exit)
    }

    /// Whether it has not ended yet.
    ///
    /// # Panics
    ///
    /// When the system does not tell.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        self.poll().is_none()
    }

    fn wait_until(&mut self, until: Instant) -> Option<Exit> {
        loop {
            let exit = self.poll();
            if exit.is_some() || Instant::now() >= until {
                return exit;
            }
            thread::sleep(POLL);
        }
    }

    fn poll(&mut self) -> Option<Exit> {
        match self.process.try_wait() {
            Ok(status) => status.map(Exit::from),
            Err(error) => panic!("{} cannot be waited for: {error}", self.what),
        }
    }

    fn ending(&mut self, exit: Exit) -> Ending {
        let ended = Instant::now();
        let lines = self.output.close(Duration::from_secs(5));
        Ending {
            what: std::mem::take(&mut self.what),
            exit,
            elapsed: ended - self.started,
            since_signals: self.signals.iter().map(|(_, at)| ended - *at).collect(),
            lines,
        }
    }

    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
