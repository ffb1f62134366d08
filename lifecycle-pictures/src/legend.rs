//! What signs and colours stand for.

use lifecycle_core::Outcome;

use super::{
    svg::{Drawing, line, rect, text},
    text::{start_of, width},
};

/// How high a line of it is.
const LINE: f64 = 22.0;

/// A sample of what is in the picture, and what it stands for.
pub(super) struct Entry {
    pub(super) sample: Sample,
    pub(super) words: String,
}

/// What stands before the words, drawn from its left end at the middle of the line.
pub(super) enum Sample {
    /// The sign of an outcome.
    Chip(&'static str, char),
    /// A piece of markup.
    Markup(fn(f64, f64) -> String),
}

/// Draws `entries` below `top`, in lines of at most `most` from `left`, and says where they end.
pub(super) fn draw(
    entries: &[Entry],
    drawing: &mut Drawing,
    left: f64,
    top: f64,
    most: f64,
) -> f64 {
    let (mut x, mut y) = (left, top);
    for entry in entries {
        let words = start_of(&entry.words, 60);
        let sample = if matches!(entry.sample, Sample::Chip(..)) { 24.0 } else { 30.0 };
        let needed = sample + width(&words);
        if x > left && x + needed > left + most {
            (x, y) = (left, y + LINE);
        }
        let middle = y + LINE / 2.0;
        let drawn = match entry.sample {
            Sample::Chip(name, sign) => chip(name, sign, x, middle - 8.0),
            Sample::Markup(draw) => draw(x, middle),
        };
        let words = text("lc-faint", x + sample, middle + 4.0, &words);
        drawing.add(y, y + LINE, drawn + &words);
        x += needed + 2.0 * super::layout::SPACE;
    }
    if entries.is_empty() { top } else { y + LINE }
}

/// A square of 16 in the colour of `name`, with its sign.
pub(super) fn chip(name: &str, sign: char, x: f64, y: f64) -> String {
    let sign = match sign {
        ' ' => String::new(),
        sign => text("lc-on lc-middle", x + 8.0, y + 12.0, sign.encode_utf8(&mut [0; 4])),
    };
    rect(&format!("lc-{name}"), x, y, 16.0, 16.0, 3.0) + &sign
}

/// The critical path, as its boxes and bars are outlined.
pub(super) fn critical_sample(x: f64, y: f64) -> String {
    format!(
        "<g class=\"lc-critical\">{}</g>{}",
        rect("lc-box", x + 1.0, y - 7.0, 22.0, 14.0, 3.0),
        pointer(x + 8.0, y)
    )
}

/// A box without an edge.
pub(super) fn unordered_sample(x: f64, y: f64) -> String {
    rect("lc-box lc-open", x, y - 7.0, 22.0, 14.0, 3.0)
}

/// A barrier.
pub(super) fn barrier_sample(x: f64, y: f64) -> String {
    line("lc-heavy", [x, y], [x + 22.0, y])
}

/// The sign of what is critical: a triangle that points to the right, its left side at `x`.
pub(super) fn pointer(x: f64, y: f64) -> String {
    use super::svg::{number, path};
    let [left, right, top, bottom] = [x, x + 8.0, y - 4.5, y + 4.5].map(number);
    path("lc-ink", &format!("M{left} {top}L{right} {}L{left} {bottom}Z", number(y)))
}

/// The outcomes that occur, each once.
pub(super) fn outcomes<'o>(outcomes: impl Iterator<Item = &'o Outcome>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for outcome in outcomes {
        if !entries.iter().any(|entry| entry.words == outcome.word()) {
            let sample = Sample::Chip(colour_of(outcome), outcome.sign());
            entries.push(Entry { sample, words: outcome.word().to_owned() });
        }
    }
    entries.sort_by(|a, b| a.words.cmp(&b.words));
    entries
}

/// The name of the colour of an outcome, in the style.
pub(super) const fn colour_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Late => "late",
        Outcome::Failed(_) => "failed",
        Outcome::Panicked(_) => "panicked",
        Outcome::TimedOut => "timed-out",
        Outcome::Stuck => "stuck",
        Outcome::Skipped(_) => "skipped",
        Outcome::NotStarted => "not-started",
        // What a later version of the library may know: in the colour of what is no fault.
        _ => "unregistered",
    }
}
