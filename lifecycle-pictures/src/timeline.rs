//! A stop from left to right: its phases, then a row a hook.

use std::time::Duration;

use lifecycle_core::{
    Outcome,
    ext::text::{broken, short},
};

use super::{
    axis::Axis,
    in_flight::{self, InFlight},
    legend::{self, Entry, Sample, chip, colour_of, pointer},
    marks::Marks,
    svg::{Drawing, explained, line, number, path, rect, text},
    text::{end_of, start_of, width},
};

pub(super) const MARGIN: f64 = 20.0;
/// Where names begin, behind the signs.
pub(super) const NAMES: f64 = 58.0;
/// How many columns a line below the title has.
const FACT: usize = 130;
/// How many columns of a name are shown.
const NAME: usize = 30;
const AXIS: f64 = 288.0;
const AXIS_WIDTH: f64 = 520.0;
/// Where what a row comes to ends.
const RIGHT: f64 = 980.0;
pub(super) const WIDTH: f64 = 1_000.0;
const ROW: f64 = 24.0;
const BAR: f64 = 12.0;
/// How high the words of the axis are.
const TICKS: f64 = 20.0;
/// After so many rows the words of the axis come again.
const ROWS: usize = 20;
/// A bar is never narrower: what happened is seen.
const NARROWEST: f64 = 2.0;

/// What is drawn.
pub(crate) struct Timeline {
    pub(crate) title: String,
    pub(crate) is_clean: bool,
    /// Lines below the title; broken where they are too long.
    pub(crate) facts: Vec<String>,
    pub(crate) total: Duration,
    pub(crate) deadline: Option<Duration>,
    pub(crate) phases: Vec<Row>,
    pub(crate) in_flight: Option<InFlight>,
    pub(crate) rows: Vec<Row>,
    /// Places among the rows, in order.
    pub(crate) chain: Vec<usize>,
    pub(crate) signals: Vec<Moment>,
}

/// A name, and a bar where there is one.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    /// The colour of the bar, where it is not that of the outcome.
    pub(crate) colour: Option<&'static str>,
    pub(crate) bar: Option<Bar>,
    /// Lines for who points at it.
    pub(crate) explained: Vec<String>,
}

/// When it ran, and when it had to be over.
pub(crate) struct Bar {
    pub(crate) started: Duration,
    pub(crate) took: Duration,
    pub(crate) timeout: Duration,
    pub(crate) allotted: Duration,
}

/// Something that happened at once.
pub(crate) struct Moment {
    pub(crate) at: Duration,
    pub(crate) name: String,
    pub(crate) explained: String,
}

impl Timeline {
    /// Nothing went on: there is no axis.
    pub(crate) const fn without_rows(title: String, facts: Vec<String>) -> Self {
        Self {
            title,
            is_clean: false,
            facts,
            total: Duration::ZERO,
            deadline: None,
            phases: Vec::new(),
            in_flight: None,
            rows: Vec::new(),
            chain: Vec::new(),
            signals: Vec::new(),
        }
    }

    pub(super) const fn has_rows(&self) -> bool {
        !self.phases.is_empty() || !self.rows.is_empty()
    }

    /// As a file of its own.
    pub(crate) fn to_svg(&self) -> String {
        self.draw(true).to_svg()
    }

    /// With its title, or for a page that says it.
    pub(super) fn draw(&self, with_title: bool) -> Drawing {
        let mut drawing = Drawing::new(&self.title, self.facts.join(". "));
        drawing.width = WIDTH;
        let axis = Axis::new(AXIS, AXIS_WIDTH, self.shown());
        let mut y = if with_title { self.header(&mut drawing) } else { MARGIN };
        if !self.has_rows() {
            drawing.height = y + MARGIN;
            return drawing;
        }
        let limit = self.deadline.filter(|deadline| !axis.is_beyond(*deadline));
        let marks = Marks::new(&self.signals, limit, &axis);
        marks.draw_labels(&mut drawing, y);
        y += marks.height();
        let ticks = axis.ticks();
        ticks.iter().for_each(|(x, words)| {
            drawing.add(y, y + 18.0, text("lc-faint lc-middle", *x, y + 13.0, words));
        });
        y += TICKS;
        let above = y;
        let below = y + self.rows_height();
        let mut behind: Vec<String> =
            ticks.iter().map(|(x, _)| line("lc-thin", [*x, y], [*x, below])).collect();
        behind.push(line("lc-thin", [axis.right(), y], [axis.right(), below]));
        behind.into_iter().for_each(|line| drawing.add_divisible(y, below, line));
        for phase in &self.phases {
            self.row(phase, false, &axis, &mut drawing, y);
            y += ROW;
        }
        if let Some(in_flight) = &self.in_flight {
            in_flight.draw(&axis, &mut drawing, y);
            y += in_flight::HEIGHT;
        }
        let first = y;
        self.connect(&axis, &mut drawing, first);
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 && at.is_multiple_of(ROWS) {
                Self::ticks_again(&ticks, &mut drawing, first + below_first(at) - TICKS);
            }
            self.row(row, self.chain.contains(&at), &axis, &mut drawing, first + below_first(at));
        }
        y = below;
        marks.draw_lines(&mut drawing, [above, below]);
        y = legend::draw(&self.legend(), &mut drawing, MARGIN, y + 10.0, WIDTH - 2.0 * MARGIN);
        drawing.height = (y + MARGIN).ceil();
        drawing
    }

    /// What the axis has to show: all that happened, and the deadline where it is near.
    fn shown(&self) -> Duration {
        let signals = self.signals.iter().map(|signal| signal.at);
        let total = signals.fold(self.total, Duration::max);
        match self.deadline {
            Some(deadline) if deadline <= total.saturating_add(total / 2) => {
                let shown = total.max(deadline);
                shown.saturating_add(shown / 50)
            }
            _ => total,
        }
    }

    fn header(&self, drawing: &mut Drawing) -> f64 {
        let mut y = MARGIN;
        let (colour, sign) = if self.is_clean { ("completed", '+') } else { ("failed", 'x') };
        let parts = [
            chip(colour, sign, MARGIN, y),
            text("lc-title", MARGIN + 24.0, y + 13.0, &start_of(&self.title, 100)),
        ];
        drawing.add(y, y + 20.0, explained(std::slice::from_ref(&self.title), "", &parts));
        y += 23.0;
        for fact in self.facts.iter().flat_map(|fact| broken(fact, FACT)) {
            drawing.add(y, y + 20.0, text("lc-faint", MARGIN, y + 14.0, &fact));
            y += 20.0;
        }
        y + 8.0
    }

    fn rows_height(&self) -> f64 {
        let in_flight = if self.in_flight.is_some() { in_flight::HEIGHT } else { 0.0 };
        let rows = self.rows.len().checked_sub(1).map_or(0.0, |last| below_first(last) + ROW);
        self.phases.len() as f64 * ROW + in_flight + rows
    }

    /// The words of the axis between two rows, each on a ground of its own; the first would stand on the
    /// line of the request.
    fn ticks_again(ticks: &[(f64, String)], drawing: &mut Drawing, y: f64) {
        let words = ticks.iter().skip(1).map(|(x, words)| {
            let wide = width(words) + 6.0;
            rect("lc-ground", x - wide / 2.0, y, wide, TICKS, 0.0)
                + &text("lc-faint lc-middle", *x, y + 14.0, words)
        });
        drawing.add(y, y + TICKS, words.collect());
    }

    fn row(&self, row: &Row, is_critical: bool, axis: &Axis, drawing: &mut Drawing, y: f64) {
        let middle = y + ROW / 2.0;
        // What a pointer meets beside the words.
        let mut parts = vec![rect("lc-catch", MARGIN, y, WIDTH - 2.0 * MARGIN, ROW, 0.0)];
        if is_critical {
            parts.push(pointer(MARGIN + 1.0, middle));
        }
        let colour = row.colour.unwrap_or_else(|| colour_of(&row.outcome));
        parts.push(chip(colour_of(&row.outcome), row.outcome.sign(), MARGIN + 15.0, middle - 8.0));
        parts.push(text("lc-name", NAMES, middle + 4.0, &end_of(&row.name, NAME)));
        if let Some(bar) = &row.bar {
            parts.extend(bar.draw(colour, is_critical, axis, middle));
        }
        let took = row.bar.as_ref().map(|bar| short(bar.took)).unwrap_or_default();
        parts.push(text("lc-faint", axis.right() + 12.0, middle + 4.0, row.outcome.word()));
        parts.push(text("lc-end", RIGHT, middle + 4.0, &took));
        let class = if is_critical { "lc-critical" } else { "" };
        drawing.add(y, y + ROW, explained(&row.explained, class, &parts));
    }

    /// From the end of each hook of the chain to the start of the next.
    fn connect(&self, axis: &Axis, drawing: &mut Drawing, first: f64) {
        for pair in self.chain.windows(2) {
            let [Some(from), Some(to)] = [pair[0], pair[1]].map(|at| self.rows[at].bar.as_ref())
            else {
                continue;
            };
            let [top, bottom] = [pair[0], pair[1]].map(|at| first + below_first(at) + ROW / 2.0);
            // Down where the next begins: it began because this one had ended.
            let [end, start] = [axis.x(from.ended()), axis.x(to.started)];
            let d = format!(
                "M{} {}H{}V{}",
                number(end.min(start)),
                number(top),
                number(start),
                number(bottom)
            );
            drawing.add_divisible(top.min(bottom), top.max(bottom), path("lc-link", &d));
        }
    }

    fn legend(&self) -> Vec<Entry> {
        let every = self.rows.iter().chain(&self.phases);
        let mut entries = legend::outcomes(every.map(|row| &row.outcome));
        let mut say = |sample: fn(f64, f64) -> String, words: &str| {
            entries.push(Entry { sample: Sample::Markup(sample), words: words.to_owned() });
        };
        let bars = || self.rows.iter().filter_map(|row| row.bar.as_ref());
        if bars().any(|bar| bar.timeout > bar.took) {
            say(|x, y| rect("lc-room", x, y - 6.0, 22.0, 12.0, 2.0), "its timeout");
        }
        if bars().any(Bar::is_cut_short) {
            say(
                |x, y| line("lc-heavy", [x + 11.0, y - 8.0], [x + 11.0, y + 8.0]),
                "its share, as time was short",
            );
        }
        if !self.chain.is_empty() {
            say(legend::critical_sample, "critical chain: decided how long it took");
        }
        entries
    }
}

/// How far below the first row the row in place `at` begins.
fn below_first(at: usize) -> f64 {
    at as f64 * ROW + (at / ROWS) as f64 * TICKS
}

impl Bar {
    const fn ended(&self) -> Duration {
        self.started.saturating_add(self.took)
    }

    fn is_cut_short(&self) -> bool {
        self.allotted < self.timeout
    }

    fn draw(&self, colour: &str, is_critical: bool, axis: &Axis, middle: f64) -> Vec<String> {
        let [top, bottom] = [middle - BAR / 2.0, middle + BAR / 2.0];
        let from = axis.x(self.started).min(axis.right() - NARROWEST);
        let to = axis.x(self.ended()).max(from + NARROWEST);
        let mut parts = Vec::new();
        let limit = self.started.saturating_add(self.timeout);
        if self.timeout > self.took {
            let end = axis.x(limit);
            let d = format!("M{} {}H{}", number(to), number(top), number(end));
            // Where the outline leaves the picture it stays open.
            let d = match axis.is_beyond(limit) {
                true => format!("{d}M{} {}H{}", number(end), number(bottom), number(to)),
                false => format!("{d}V{}H{}", number(bottom), number(to)),
            };
            parts.push(path("lc-room", &d));
        }
        if is_critical {
            // Around the bar, so that the colour of a narrow one is seen.
            parts.push(rect("lc-ink", from - 2.5, top - 2.5, to - from + 5.0, BAR + 5.0, 3.0));
        }
        parts.push(rect(&format!("lc-bar lc-{colour}"), from, top, to - from, BAR, 1.5));
        let share = self.started.saturating_add(self.allotted);
        if self.is_cut_short() && !axis.is_beyond(share) {
            let x = axis.x(share);
            parts.push(line("lc-heavy", [x, top - 3.0], [x, bottom + 3.0]));
        }
        parts
    }
}
