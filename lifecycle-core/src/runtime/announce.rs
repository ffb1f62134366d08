//! Everything that is said on the way: to `events()`, to the log, to stderr.

use super::{Lifecycle, log::terminal_line};
use crate::{
    Event,
    config::Terminal,
    text::terminal::{broken, plain_lines},
};

/// What a line on a terminal has beside the name before it.
const WIDTH: usize = 80 - "lifecycle: ".len();

impl Lifecycle {
    /// Says it to whoever wants to know.
    pub(crate) fn emit(&self, event: Event) {
        self.bus.send(&event);
        self.observers.event(&event);
        if self.host.stderr_is_terminal()
            && self.shows(&event)
            && let Some(line) = terminal_line(&event)
        {
            self.eprint(&broken(&line, WIDTH).join("\n"));
        }
        self.log.event(event);
    }

    /// Whether a person at a terminal is to see it while it happens.
    fn shows(&self, event: &Event) -> bool {
        match self.terminal() {
            Terminal::Off => false,
            Terminal::Unclean => matches!(event, Event::Signal { .. }),
            Terminal::Full => true,
        }
    }

    pub(crate) fn warn(&self, text: &str) {
        self.log.warn(text);
        let notice = Event::Notice { text: text.to_owned() };
        self.bus.send(&notice);
        self.observers.event(&notice);
    }

    /// In the log where there is one, else on stderr: said once either way.
    pub(crate) fn warn_somewhere(&self, text: &str) {
        if !self.log.has_subscriber() {
            self.eprint(text);
        }
        self.warn(text);
    }

    /// A line on stderr, whatever subscriber is installed.
    pub(crate) fn eprint(&self, line: &str) {
        self.eprint_all([line]);
    }

    /// Lines on stderr, given up together where stderr blocks.
    pub(crate) fn eprint_all(&self, lines: impl IntoIterator<Item: AsRef<str>>) {
        let lines = lines.into_iter().map(|line| plain_lines(line.as_ref()));
        let text: String = lines.map(|line| format!("lifecycle: {line}\n")).collect();
        if !text.is_empty() {
            self.host.eprint(&text);
        }
    }
}
