//! Moments over a time axis: signals, and the deadline.

use std::time::Duration;

use lifecycle_core::ext::text::short;

use super::{
    axis::Axis,
    svg::{Drawing, explained, line, number, path, text},
    text::width,
    timeline::Moment,
};

/// How high a row of labels is.
const LANE: f64 = 18.0;
/// How many rows of labels there may be; more moments share one.
const LANES: usize = 4;

/// Moments with their labels, none over another: moments that are near share one where there are many.
pub(super) struct Marks {
    labels: Vec<Label>,
    limit: Option<f64>,
    /// Where each moment is.
    each: Vec<f64>,
}

impl Marks {
    pub(super) fn new(moments: &[Moment], limit: Option<Duration>, axis: &Axis) -> Self {
        Self {
            labels: labels(moments, limit, axis),
            limit: limit.map(|limit| axis.x(limit)),
            each: moments.iter().map(|moment| axis.x(moment.at)).collect(),
        }
    }

    /// How high the labels are together.
    pub(super) fn height(&self) -> f64 {
        self.labels.iter().map(|label| label.lane + 1).max().unwrap_or_default() as f64 * LANE
    }

    /// The labels from `top` on, above the words of the axis.
    pub(super) fn draw_labels(&self, drawing: &mut Drawing, top: f64) {
        for label in &self.labels {
            let y = top + label.lane as f64 * LANE;
            drawing.add(y, y + LANE, label.draw(y, top + self.height()));
        }
    }

    /// A line over all rows for each label, and a short one for each moment.
    pub(super) fn draw_lines(&self, drawing: &mut Drawing, [top, bottom]: [f64; 2]) {
        let mut lines: Vec<String> = Vec::new();
        let moments = self.each.iter().map(|&x| ("lc-signal", x, top + 9.0));
        let labels = self.labels.iter().filter(|label| Some(label.at) != self.limit);
        let labels = labels.map(|label| ("lc-signal", label.at, bottom));
        let limit = self.limit.iter().map(|&x| ("lc-heavy", x, bottom));
        for (class, x, end) in moments.chain(labels).chain(limit) {
            lines.push(line(class, [x, top], [x, end]));
        }
        lines.dedup();
        lines.into_iter().for_each(|line| drawing.add_divisible(top, bottom, line));
    }
}

struct Label {
    /// Where the moment is.
    at: f64,
    lane: usize,
    words: String,
    explained: Vec<String>,
}

fn labels(moments: &[Moment], limit: Option<Duration>, axis: &Axis) -> Vec<Label> {
    // The further apart, the fewer.
    for apart in [0.5, 2.0, 8.0, 24.0, 80.0, 240.0, f64::INFINITY] {
        let mut labels = together(moments, axis, apart);
        labels.extend(
            limit.map(|at| Label::new(axis.x(at), format!("deadline {}", short(at)), Vec::new())),
        );
        if place(&mut labels) || apart.is_infinite() {
            return labels;
        }
    }
    Vec::new()
}

/// A label for each run of moments that are not further than `apart` from the first of them.
fn together(moments: &[Moment], axis: &Axis, apart: f64) -> Vec<Label> {
    let mut labels = Vec::new();
    let mut rest = moments;
    while let Some(first) = rest.first() {
        let x = axis.x(first.at);
        let count = rest.iter().take_while(|moment| axis.x(moment.at) - x <= apart).count().max(1);
        let (near, others) = rest.split_at(count);
        rest = others;
        let what = match near {
            [one] => one.name.clone(),
            [first, ..] if near.iter().all(|moment| moment.name == first.name) => {
                format!("{}x {}", near.len(), first.name)
            }
            _ => format!("{} signals", near.len()),
        };
        let explained = near.iter().map(|moment| moment.explained.clone()).collect();
        let at = if first.at.is_zero() { "0".to_owned() } else { short(first.at) };
        labels.push(Label::new(x, format!("{what} {at}"), explained));
    }
    labels
}

/// Gives each label a lane; whether the lanes suffice.
fn place(labels: &mut [Label]) -> bool {
    labels.sort_by(|a, b| a.at.total_cmp(&b.at));
    // From right to left: the line of a label runs down through the lanes below its own, so that a label ends
    // before those at its right in its own lane and above. The first lane is the lowest.
    let mut begins: Vec<f64> = Vec::new();
    for label in labels.iter_mut().rev() {
        let end = label.at + width(&label.words) + 14.0;
        label.lane = begins.iter().rposition(|begin| end > *begin).map_or(0, |taken| taken + 1);
        begins.resize(begins.len().max(label.lane + 1), f64::INFINITY);
        begins[label.lane] = label.at;
    }
    let lanes = labels.iter().map(|label| label.lane + 1).max().unwrap_or_default();
    labels.iter_mut().for_each(|label| label.lane = lanes - 1 - label.lane);
    lanes <= LANES
}

impl Label {
    fn new(at: f64, words: String, explained: Vec<String>) -> Self {
        Self { at, lane: 0, words, explained }
    }

    fn draw(&self, y: f64, bottom: f64) -> String {
        let flag =
            format!("M{x} {}V{}", number(y + 3.0), number(bottom + 2.0), x = number(self.at));
        let parts =
            [path("lc-signal", &flag), text("lc-faint", self.at + 5.0, y + 13.0, &self.words)];
        match self.explained.is_empty() {
            true => parts.concat(),
            false => explained(&self.explained, "", &parts),
        }
    }
}
