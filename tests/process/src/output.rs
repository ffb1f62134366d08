//! What a child prints, line by line as it comes.

use std::{
    fmt::{self, Write},
    io::{BufRead, BufReader, Read},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) stream: Stream,
    /// From the start of the child.
    pub(crate) at: Duration,
    pub(crate) text: String,
}

/// The lines so far, filled by one thread a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<Line>,
    open: usize,
}

impl Output {
    /// Reads `source` to its end.
    pub(crate) fn follow(
        &self,
        stream: Stream,
        source: impl Read + Send + 'static,
        started: Instant,
    ) {
        self.lock().open += 1;
        let output = self.clone();
        std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            loop {
                let mut text = Vec::new();
                // A terminal that is gone is an error, and what it showed last may be no whole line.
                let read = source.read_until(b'\n', &mut text);
                if text.is_empty() || matches!(read, Ok(0)) {
                    break;
                }
                let text = String::from_utf8_lossy(&text);
                let text = text.trim_end_matches('\n').trim_end_matches('\r').to_owned();
                output.lock().lines.push(Line { stream, at: started.elapsed(), text });
                output.shared.changed.notify_all();
            }
            output.lock().open -= 1;
            output.shared.changed.notify_all();
        });
    }

    /// The `count`th line that contains `text`, come or to come; `None` when it does not come: the
    /// streams are closed or `patience` is over.
    pub(crate) fn wait_for(&self, text: &str, count: usize, patience: Duration) -> Option<Line> {
        let until = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            let found =
                state.lines.iter().filter(|line| line.text.contains(text)).nth(count - 1).cloned();
            let left = until.saturating_duration_since(Instant::now());
            if found.is_some() || state.open == 0 || left.is_zero() {
                return found;
            }
            state = self.wait(state, left);
        }
    }

    /// Waits until both streams are closed, as they are when the child and all its children have
    /// ended.
    pub(crate) fn close(&self, patience: Duration) -> Vec<Line> {
        let until = Instant::now() + patience;
        let mut state = self.lock();
        while state.open > 0 && Instant::now() < until {
            state = self.wait(state, until.saturating_duration_since(Instant::now()));
        }
        state.lines.clone()
    }

    fn wait<'s>(
        &'s self,
        state: MutexGuard<'s, State>,
        patience: Duration,
    ) -> MutexGuard<'s, State> {
        let (state, _) = self
            .shared
            .changed
            .wait_timeout(state, patience)
            .unwrap_or_else(PoisonError::into_inner);
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.lock().lines))
    }
}

/// All lines with their time and stream, for people.
pub(crate) fn shown(lines: &[Line]) -> String {
    let mut text = String::from("it printed:\n");
    for line in lines {
        let sign = if line.stream == Stream::Stdout { ' ' } else { '!' };
        let _ = writeln!(text, "  {:>8.3} {sign} {}", line.at.as_secs_f64(), line.text);
    }
    text
}
