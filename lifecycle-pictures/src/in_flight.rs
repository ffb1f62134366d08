//! How many calls were in flight, as an area over the time of the drain.

use std::time::Duration;

use super::{
    axis::Axis,
    svg::{Drawing, explained, line, number, path, rect, text},
    timeline::{MARGIN, NAMES, WIDTH},
};

pub(super) const HEIGHT: f64 = 48.0;

/// How many calls there were, from each moment to the next.
pub(crate) struct InFlight {
    pub(crate) points: Vec<(Duration, usize)>,
    pub(crate) end: Duration,
}

impl InFlight {
    pub(super) fn draw(&self, axis: &Axis, drawing: &mut Drawing, y: f64) {
        let [top, bottom] = [y + 8.0, y + HEIGHT - 6.0];
        let most = self.points.iter().map(|point| point.1).max().unwrap_or_default();
        let height = |count: usize| bottom - (bottom - top) * count as f64 / most.max(1) as f64;
        let mut steps = String::new();
        for (at, (from, count)) in self.points.iter().enumerate() {
            let until = self.points.get(at + 1).map_or(self.end, |next| next.0).max(*from);
            let begin = if at == 0 { 'M' } else { 'L' };
            let [x, end] = [axis.x(*from), axis.x(until)].map(number);
            steps += &format!("{begin}{x} {}H{end}", number(height(*count)));
        }
        let (first, last) = (self.points.first().map_or(self.end, |point| point.0), self.end);
        let [first, last] = [axis.x(first), axis.x(last).max(axis.x(first))].map(number);
        let area = format!("{steps}L{last} {}L{first} {}Z", number(bottom), number(bottom));
        let parts = [
            rect("lc-catch", MARGIN, y, WIDTH - 2.0 * MARGIN, HEIGHT, 0.0),
            text("lc-faint", NAMES, y + HEIGHT / 2.0 + 6.0, "in flight"),
            text("lc-faint lc-end", axis.left - 10.0, top + 8.0, &format!("max {most}")),
            text("lc-faint lc-end", axis.left - 10.0, bottom + 1.0, "0"),
            line("lc-thin", [axis.left, top], [axis.right(), top]),
            line("lc-thin", [axis.left, bottom], [axis.right(), bottom]),
            path("lc-drain lc-area", &area),
            path("lc-step", &steps),
        ];
        let last = self.points.last().map_or(0, |point| point.1);
        let said = format!("calls in flight while draining: {most} at most, {last} at the end");
        drawing.add(y, y + HEIGHT, explained(&[said], "", &parts));
    }
}
